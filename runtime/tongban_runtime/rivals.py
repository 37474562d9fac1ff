"""Two deployments that serve what only one may, such as one department's steps: said by both, to their operators.

What a deployment serves alone travels with its consumer group: each member puts it into the field that Kafka's consumer
protocol keeps for a member's own data, and the broker gives it to all who may describe the group. So no deployment needs another's
address, and one that is gone is gone there too. Replicas share a group, and are no rivals.

The names are opaque here: equal names of one kind are in conflict, and None stands for every name. A broker that lets nobody
describe the groups shows none; the right to describe groups that begin with the topic prefix is enough.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from aiokafka.errors import for_code
from aiokafka.protocol.admin import DescribeGroupsRequest_v3, DescribeGroupsResponse_v3
from pydantic import BaseModel, ValidationError

from tongban_runtime import logs
from tongban_runtime.clock import Clock
from tongban_runtime.health import Heartbeat
from tongban_runtime.repeating import Repeating
from tongban_runtime.telemetry import gauge

Served = Mapping[str, frozenset[str] | None]
"""What one deployment alone may serve: names by kind, or None for all of a kind."""

_PAUSE_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 30.0
_ANSWER_SECONDS: Final = 5.0

DescribeGroupsRequest_v3.RESPONSE_TYPE = DescribeGroupsResponse_v3
"""aiokafka 0.14 reads the answer to version 3 as one to version 2, which fails for more than one group."""


def shared(mine: Served, others: Served) -> dict[str, frozenset[str] | None]:
    """What both serve, by kind; None when both serve all of it."""
    found: dict[str, frozenset[str] | None] = {}
    for kind in mine.keys() & others.keys():
        here, there = mine[kind], others[kind]
        both = there if here is None else here if there is None else here & there
        if both is None or both:
            found[kind] = both
    return found


class Announcement(BaseModel):
    """What a member of a consumer group tells of its deployment. Topic prefixes tell systems on one broker apart."""

    topic_prefix: str
    serves: dict[str, frozenset[str] | None]


class Announcing(RoundRobinPartitionAssignor):  # type: ignore[misc]
    """Kafka's round robin, which also announces."""

    def __init__(self, announcement: Announcement) -> None:
        self._announcement = announcement.model_dump_json().encode()

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        return ConsumerProtocolMemberMetadata(self.version, list(topics), self._announcement)


def announced(member_metadata: bytes) -> Announcement | None:
    """What a member announced; None for one that is no deployment of Tongban."""
    try:
        return Announcement.model_validate_json(ConsumerProtocolMemberMetadata.decode(member_metadata).user_data or b"")
    except (ValueError, ValidationError):
        return None


@dataclass(frozen=True, slots=True)
class Rival:
    """Another deployment that serves the same. ``names`` is None when both serve all of the kind."""

    deployment: str
    kind: str
    names: tuple[str, ...] | None


class Rivals:
    """The rivals of this deployment, and since when they have been seen."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: dict[Rival, datetime] = {}

    def all(self) -> list[tuple[Rival, datetime]]:
        """Longest first."""
        return sorted(self._since.items(), key=lambda item: item[1])

    def of(self, deployment: str) -> set[Rival]:
        return {rival for rival in self._since if rival.deployment == deployment}

    def are(self, rivals: set[Rival]) -> None:
        """These are the rivals now; each change is a line of the log."""
        for rival in self._since.keys() - rivals:
            logs.info("rivals.gone", deployment=rival.deployment, kind=rival.kind, names=rival.names)
        for rival in rivals - self._since.keys():
            logs.warning("rivals.found", deployment=rival.deployment, kind=rival.kind, names=rival.names)
        now = self._clock.now()
        self._since = {rival: self._since.get(rival, now) for rival in rivals}
        gauge("tongban.rivals", len({rival.deployment for rival in rivals}))


class RivalWatch(Repeating):
    """Looks for rivals at the start and every half a minute. It disturbs nothing: what it cannot see, it says once."""

    def __init__(
        self,
        *,
        bootstrap: str,
        topic_prefix: str,
        deployment: str,
        serves: Served,
        rivals: Rivals,
        heartbeat: Heartbeat,
        every: float = _LOOK_SECONDS,
    ) -> None:
        super().__init__(heartbeat)
        self._bootstrap = bootstrap
        self._topic_prefix = topic_prefix
        self._deployment = deployment
        self._serves = serves
        self._rivals = rivals
        self._every = every
        self._next = 0.0
        self._is_blind = False

    async def run(self) -> None:
        await self.repeat(self._look_when_due, _PAUSE_SECONDS)

    async def _look_when_due(self) -> int:
        now = asyncio.get_running_loop().time()
        if now >= self._next:
            self._next = now + self._every
            try:
                await asyncio.wait_for(self._look(), _ANSWER_SECONDS)
            except Exception as error:  # noqa: BLE001 - a look at others never ends the work of this deployment
                if not self._is_blind:
                    logs.warning("rivals.unseen", error=error)
                self._is_blind = True
            else:
                self._is_blind = False
        return 0

    async def _look(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        try:
            await admin.start()
            groups = [
                group
                for broker in (await admin.describe_cluster())["brokers"]
                for group in await self._groups(admin, broker["node_id"])
            ]
        finally:
            await admin.close()
        self._rivals.are({rival for group in groups for rival in self._rivals_in(group)})
        for code, name, *_ in groups:
            if code:
                raise for_code(code)(name)

    async def _groups(self, admin: AIOKafkaAdminClient, broker: int) -> list[Any]:
        """The other groups that a broker coordinates, as its answer to ``DescribeGroups`` tells of them."""
        listed = await admin.list_consumer_groups([broker])
        others = [
            name
            for name, protocol in listed
            if protocol == "consumer"
            and name.startswith(self._topic_prefix)
            and name != self._topic_prefix + self._deployment
        ]
        answers = await admin.describe_consumer_groups(others, broker) if others else []
        return [group for answer in answers for group in answer.groups]

    def _rivals_in(self, group: Sequence[Any]) -> set[Rival]:
        """The rivals among a group's members; as before while the broker does not tell of them, as in a rebalance."""
        code, name, state, _, _, members, *_ = group
        deployment = name.removeprefix(self._topic_prefix)
        if code or state not in ("Stable", "Empty", "Dead"):
            return self._rivals.of(deployment)
        said = (announced(metadata) for _, _, _, metadata, *_ in members)
        return {
            Rival(deployment, kind, None if names is None else tuple(sorted(names)))
            for one in said
            if one is not None and one.topic_prefix == self._topic_prefix
            for kind, names in shared(self._serves, one.serves).items()
        }
