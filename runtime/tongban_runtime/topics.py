"""Makes the topics that the topic files describe. Settings that are safe for data; existing topics are left alone."""

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code
from tongban_schemas.topics import TOPICS


async def create_topics(bootstrap: str, prefix: str = "", replication: int = 1) -> list[str]:
    """Creates what is missing and returns the names created. Raises aiokafka's ``KafkaError``."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        present = set(await admin.list_topics())
        missing = [
            NewTopic(
                name=prefix + name,
                num_partitions=topic.partitions,
                replication_factor=replication,
                topic_configs={**topic.kafka_config, "min.insync.replicas": str(max(1, replication - 1))},
            )
            for name, topic in TOPICS.items()
            if prefix + name not in present
        ]
        if missing:
            answer = await admin.create_topics(missing)
            for name, code, *_ in answer.topic_errors:
                error = for_code(code)
                if code and error is not TopicAlreadyExistsError:
                    raise error(f"topic {name} was not created")
        return [topic.name for topic in missing]
    finally:
        await admin.close()
