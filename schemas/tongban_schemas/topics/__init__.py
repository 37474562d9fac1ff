"""Topics as data: one YAML file each. The files make the topics, their documentation and the AsyncAPI document."""

from importlib.resources import files
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

Service = Literal["intake", "approvals", "certificates", "notify", "catalog"]
EventType = Annotated[str, Field(pattern=r"^cn\.tongban\.[a-z][a-z-]*\.[a-z][a-z-]*\.v[1-9][0-9]*$")]
TopicName = Annotated[str, Field(pattern=r"^tongban\.[a-z][a-z-]*\.v[1-9][0-9]*$")]


class TopicFileError(ValueError):
    """A topic file that breaks a rule. The message names the file, the key and the rule."""


class Strict(BaseModel):
    """Base of the parts of a topic file: immutable, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Words(Strict):
    """The same words in Chinese and in English."""

    zh: Annotated[str, Field(min_length=1)]
    en: Annotated[str, Field(min_length=1)]


class Topic(Strict):
    """One topic. Retention is unlimited where ``cleanup`` is ``delete``; ``compact`` keeps the last record of a key."""

    topic: TopicName
    title: Words
    description: Words
    owner: Service = Field(description="The service whose team answers for the topic's contract.")
    producers: Annotated[tuple[Service, ...], Field(min_length=1)]
    consumers: Annotated[tuple[Service, ...], Field(min_length=1)]
    key: Literal["application", "catalogue-entry"] = Field(
        description="What the record's key names: an application (UUIDv7), or `item:<code>:<version>` and the like."
    )
    partitions: Annotated[int, Field(ge=1)]
    cleanup: Literal["delete", "compact"]
    max_record_bytes: Annotated[int, Field(ge=1024, le=1_048_576)]
    personal_data: Literal["none", "sealed"]
    events: Annotated[dict[EventType, Annotated[str, Field(min_length=1)]], Field(min_length=1)] = Field(
        description="Every event type of the topic, with what it says in Chinese. English is the event's docstring."
    )

    @property
    def kafka_config(self) -> dict[str, str]:
        """The topic's settings on the broker, by Kafka's own names.

        A record's time is its event's; one from a clock that runs ahead is taken too, or it would block its outbox.
        """
        return {
            "cleanup.policy": self.cleanup,
            "retention.ms": "-1",
            "retention.bytes": "-1",
            "max.message.bytes": str(self.max_record_bytes),
            "message.timestamp.after.max.ms": str(2**63 - 1),
        }


def parse_topic(text: str, file_name: str) -> Topic:
    """Raises `TopicFileError`."""
    try:
        return Topic.model_validate(yaml.safe_load(text))
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, p['loc']))}: {p['msg']}" for p in error.errors())
        raise TopicFileError(f"{file_name}: {problems}") from None
    except yaml.YAMLError as error:
        raise TopicFileError(f"{file_name} is no YAML: {error}") from None


def _load() -> dict[str, Topic]:
    found: dict[str, Topic] = {}
    for entry in sorted(files(__name__).iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".yaml"):
            topic = parse_topic(entry.read_text(encoding="utf-8"), entry.name)
            if topic.topic != f"tongban.{entry.name.removesuffix('.yaml')}.v{topic.topic.rpartition('.v')[2]}":
                raise TopicFileError(f"{entry.name}: name the file after its topic, {topic.topic}")
            found[topic.topic] = topic
    return found


TOPICS: dict[str, Topic] = _load()


def topics_consumed_by(service: str) -> tuple[Topic, ...]:
    """The topics that a service reads, by name; empty for a service that reads none."""
    return tuple(topic for topic in TOPICS.values() if service in topic.consumers)


def topics_produced_by(service: str) -> tuple[Topic, ...]:
    """The topics that a service writes, by name; empty for a service that writes none."""
    return tuple(topic for topic in TOPICS.values() if service in topic.producers)
