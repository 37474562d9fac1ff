"""How often somebody may ask. Every policy of `tongban_runtime.auth` names its limits; what they are stands in `TABLE`, once.

Token buckets (ITU-T I.371, "leaky bucket as a meter"), in the memory of a process: several processes each give their own. A
bucket that was not used for the longest time is forgotten when there are too many; it would be full again by then.
"""

import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import HTTPConnection

from tongban_runtime import telemetry
from tongban_runtime.problems import Problem

LimitName = Literal["person", "service", "address", "look-up", "look-ups", "search", "draft", "upload"]


class Rate(BaseModel):
    """``rate``: requests a second that go on for ever. ``burst``: how many may come at once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rate: Annotated[float, Field(gt=0)]
    burst: Annotated[int, Field(ge=1)]


TABLE: Final[Mapping[LimitName, Rate]] = {
    "person": Rate(rate=50, burst=200),
    "service": Rate(rate=10_000, burst=20_000),
    "address": Rate(rate=50, burst=200),
    "look-up": Rate(rate=2, burst=60),
    "look-ups": Rate(rate=50, burst=500),
    "search": Rate(rate=0.5, burst=30),
    "draft": Rate(rate=1, burst=60),
    "upload": Rate(rate=2, burst=60),
}
"""``address``: who has not signed in; ``look-up``: numbers that could be counted through, by address, and ``look-ups`` for all
addresses together; ``search``: people's numbers, looked for by an officer. The others count by who is signed in."""
STREAMS_PER_PERSON: Final = 10
_PER_ADDRESS: Final = frozenset({"address", "look-up"})
_FOR_ALL: Final = frozenset({"look-ups"})
_MAX_KEYS: Final = 20_000
_STREAM_RETRY_SECONDS: Final = 30


class Buckets:
    """One limit's buckets, each full at first; ``most`` of them are remembered."""

    def __init__(self, rate: Rate, most: int = _MAX_KEYS) -> None:
        self._rate = rate.rate
        self._burst = float(rate.burst)
        self._most = most
        self._levels: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, key: Hashable, now: float) -> float:
        """0 when one was taken, else the seconds until there is one. ``now``: seconds of a clock that never goes back."""
        level, at = self._levels.get(key, (self._burst, now))
        level = min(self._burst, level + (now - at) * self._rate)
        taken = level >= 1.0
        self._levels[key] = (level - 1.0 if taken else level, now)
        self._levels.move_to_end(key)
        if len(self._levels) > self._most:
            self._levels.popitem(last=False)
        return 0.0 if taken else (1.0 - level) / self._rate


class Limiter:
    """What one process lets through. ``changed``: rates other than those of `TABLE`."""

    def __init__(
        self,
        changed: Mapping[LimitName, Rate] | None = None,
        streams_per_person: int = STREAMS_PER_PERSON,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._buckets = {name: Buckets(rate) for name, rate in {**TABLE, **(changed or {})}.items()}
        self._streams: Counter[Hashable] = Counter()
        self._streams_per_person = streams_per_person
        self._clock = clock

    def admit(self, limits: Iterable[LimitName], connection: HTTPConnection, caller: Hashable = None) -> None:
        """Raises `Problem` 429 when one of the limits is used up: by the caller, by the address, or by all together."""
        for name in limits:
            key = None if name in _FOR_ALL else address_of(connection) if name in _PER_ADDRESS else caller
            seconds = self._buckets[name].take(key, self._clock())
            if seconds:
                raise _too_many(name, seconds)

    @contextmanager
    def stream(self, caller: Hashable) -> Iterator[None]:
        """While a caller follows events. Raises `Problem` 429 for one stream too many."""
        if self._streams[caller] >= self._streams_per_person:
            raise _too_many("stream", _STREAM_RETRY_SECONDS)
        self._streams[caller] += 1
        try:
            yield
        finally:
            self._streams[caller] -= 1
            if not self._streams[caller]:
                del self._streams[caller]


def address_of(connection: HTTPConnection) -> str:
    """From where somebody asks: an IPv4 address, or the /64 that a household has of IPv6 (RFC 6177)."""
    host = connection.client.host if connection.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(ip_network((int(address), 64), strict=False))
    return host


def _too_many(limit: str, seconds: float) -> Problem:
    telemetry.count("tongban.requests.limited", limit=limit)
    wait = math.ceil(seconds)
    return Problem(
        429,
        "too-many-requests",
        f"请求过于频繁，请在 {wait} 秒后再试。",
        f"Too many requests: try again in {wait} s.",
        headers={"Retry-After": str(wait)},
    )
