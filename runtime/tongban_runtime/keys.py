"""How a service comes by the keys of personal fields: it asks the vault, for one case and one purpose, and keeps them in
memory for a few minutes. Each release is a fact on ``tongban.access.v1``; so is each refusal.
"""

import asyncio
import base64
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar, cast
from uuid import UUID

from tongban_schemas.events.access import AccessRule, Purpose
from tongban_schemas.types import JsonObject

from tongban_runtime.problems import Problem
from tongban_runtime.recusal import RECUSALS
from tongban_runtime.sealing import CaseKeys, KeyMissingError

RELEASES: Final = "/v1/vault/releases"
REFUSALS: Final = "/v1/vault/refusals"
ERASURES: Final = "/v1/vault/erasures"
KEPT_SECONDS: Final = 300.0
"""How long keys are kept in memory; an erasure is complete after it."""
BATCH: Final = 500
"""How many requests, or attempts, the vault takes at once."""
_KEPT: Final = 10_000

Asked = TypeVar("Asked")
Post = Callable[[str, JsonObject], Awaitable[tuple[int, JsonObject]]]
"""(path at the vault, JSON body) -> (status, JSON answer), signed in as this service. Raises `VaultUnavailableError`."""


class VaultUnavailableError(ConnectionError):
    """The vault does not answer. Handlers try again later; a request is answered with 503."""


class KeysRefusedError(Problem):
    """The vault does not give the keys, for a reason that is on record: 403, or 410 after an erasure."""

    def __init__(self, rule: AccessRule) -> None:
        zh, en = _WORDS[rule]
        super().__init__(410 if rule == "erased" else 403, f"access-{rule}", zh, en)
        self.rule: AccessRule = rule


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """Which fields of which case, for what. ``officer``: who looks; None when a program uses the values by itself.

    ``department`` is the one for which the service asks, ``step`` the step of the flow, ``request`` the evidence request,
    ``person`` the applicant who fetches a certificate of theirs.
    """

    application: UUID
    purpose: Purpose
    fields: frozenset[str]
    department: str | None = None
    step: str | None = None
    request: UUID | None = None
    officer: UUID | None = None
    person: UUID | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that a service itself turned away, for the record."""

    application: UUID
    purpose: Purpose
    rule: AccessRule
    department: str | None = None
    step: str | None = None
    request: UUID | None = None
    officer: UUID | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """One request of a batch that the vault refused."""

    rule: AccessRule


class Keyring(Protocol):
    """Where keys come from. Services are given `VaultKeyring`; intake, which has the vault in it, opens the vault itself."""

    async def release(self, wanted: Sequence[KeyRequest]) -> list[CaseKeys | Refused]:
        """Keys or a refusal for each request, in order. Raises `VaultUnavailableError`."""
        ...

    async def turned_away(self, attempts: Sequence[Attempt]) -> None:
        """Puts attempts on record that this service refused. Raises `VaultUnavailableError`."""
        ...

    async def erased(self, cases: Collection[UUID]) -> set[UUID]:
        """Those of the cases whose keys the vault has destroyed. Raises `VaultUnavailableError`."""
        ...


async def keys_for(keyring: Keyring, request: KeyRequest) -> CaseKeys:
    """The keys of one request. Raises `KeysRefusedError`, `VaultUnavailableError`."""
    found = (await keyring.release([request]))[0]
    if isinstance(found, Refused):
        raise KeysRefusedError(found.rule)
    return found


class NoVault:
    """The keyring of a process that was told of no vault: it has no keys."""

    async def release(self, wanted: Sequence[KeyRequest]) -> list[CaseKeys | Refused]:
        raise VaultUnavailableError("TONGBAN_VAULT_URL is not set")

    async def turned_away(self, attempts: Sequence[Attempt]) -> None:
        raise VaultUnavailableError("TONGBAN_VAULT_URL is not set")

    async def erased(self, cases: Collection[UUID]) -> set[UUID]:
        raise VaultUnavailableError("TONGBAN_VAULT_URL is not set")


class VaultKeyring:
    """Asks the vault over HTTP; what it was given is kept for `KEPT_SECONDS`, per case, purpose and person who looks."""

    def __init__(self, post: Post, now: Callable[[], float] = time.monotonic) -> None:
        self._post = post
        self._now = now
        self._kept: OrderedDict[tuple[object, ...], tuple[float, dict[str, bytes]]] = OrderedDict()
        self._waking: asyncio.TimerHandle | None = None

    async def release(self, wanted: Sequence[KeyRequest]) -> list[CaseKeys | Refused]:
        self._forget()
        found: dict[int, CaseKeys | Refused] = {}
        for place, request in enumerate(wanted):
            if (kept := self._look_up(request)) is not None:
                found[place] = CaseKeys(kept)
        asked = [place for place in range(len(wanted)) if place not in found]
        if asked:
            answers = await self._ask([wanted[place] for place in asked])
            found |= dict(zip(asked, answers, strict=True))
        return [found[place] for place in range(len(wanted))]

    async def turned_away(self, attempts: Sequence[Attempt]) -> None:
        for part in _batches(attempts):
            await self._send(REFUSALS, {"attempts": [_document(one) for one in part]})

    async def erased(self, cases: Collection[UUID]) -> set[UUID]:
        found: set[UUID] = set()
        named = sorted(map(str, cases))
        for start in range(0, len(named), BATCH):
            answer = await self._send(ERASURES, {"applications": named[start : start + BATCH]})
            found |= {UUID(one) for one in answer["erased"]}
        return found

    async def _ask(self, wanted: Sequence[KeyRequest]) -> list[CaseKeys | Refused]:
        found: list[CaseKeys | Refused] = []
        for part in _batches(wanted):
            answer = await self._send(RELEASES, {"requests": [_document(one) for one in part]})
            found += [
                self._taken(request, released) for request, released in zip(part, answer["releases"], strict=True)
            ]
        return found

    async def _send(self, path: str, body: JsonObject) -> JsonObject:
        status, answer = await self._post(path, body)
        if status != 200:
            raise VaultUnavailableError(f"the vault answered {status} to {path}")
        return answer

    def _taken(self, request: KeyRequest, released: Mapping[str, Any]) -> CaseKeys | Refused:
        if (rule := released.get("refused")) is not None:
            return Refused(cast(AccessRule, rule))
        keys = {name: base64.urlsafe_b64decode(key) for name, key in released["keys"].items()}
        if not request.fields <= keys.keys():
            raise KeyMissingError("the vault gave fewer keys than were asked for")
        self._forget()
        place = _place(request)
        until, before = self._kept.get(place, (self._now() + KEPT_SECONDS, {}))
        self._kept[place] = (until, before | keys)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        self._come_back()
        return CaseKeys(keys)

    def _look_up(self, request: KeyRequest) -> dict[str, bytes] | None:
        """The keys that are kept for a request; None when one of its fields is missing."""
        kept = self._kept.get(_place(request))
        return kept[1] if kept is not None and request.fields <= kept[1].keys() else None

    def _forget(self) -> None:
        """Lets go of the keys whose time is over. What was given first is over first: later keys prolong nothing."""
        now = self._now()
        while self._kept and next(iter(self._kept.values()))[0] <= now:
            self._kept.popitem(last=False)

    def _come_back(self) -> None:
        """Sees to it that keys are let go of when nobody asks for any, too."""
        if self._kept and self._waking is None:
            pause = next(iter(self._kept.values()))[0] - self._now()
            self._waking = asyncio.get_running_loop().call_later(pause, self._wake)

    def _wake(self) -> None:
        self._waking = None
        self._forget()
        self._come_back()


def _batches(asked: Sequence[Asked]) -> Iterator[Sequence[Asked]]:
    return (asked[start : start + BATCH] for start in range(0, len(asked), BATCH))


def _place(request: KeyRequest) -> tuple[object, ...]:
    return (
        request.application,
        request.purpose,
        request.department,
        request.step,
        request.request,
        request.officer,
        request.person,
    )


def _document(one: KeyRequest | Attempt) -> JsonObject:
    named = {
        "application": str(one.application),
        "purpose": one.purpose,
        "department": one.department,
        "step": one.step,
        "request": str(one.request) if one.request else None,
        "officer": str(one.officer) if one.officer else None,
    }
    if isinstance(one, KeyRequest):
        return named | {"fields": sorted(one.fields), "person": str(one.person) if one.person else None}
    return named | {"rule": one.rule}


_WORDS: Mapping[AccessRule, tuple[str, str]] = {
    "unknown-case": ("没有这一办件。", "There is no such case."),
    "service-not-permitted": (
        "该服务不得为此目的使用个人数据。",
        "This service may not use personal data for this purpose.",
    ),
    "department-not-yours": ("该服务不代表所写的部门。", "This service does not speak for that department."),
    "not-your-case": ("该部门不办理此件，不能查看其个人数据。", "The department has no part in this case."),
    "not-your-step": ("该环节不由该部门办理。", "The step is not the department's."),
    "case-closed": ("办件已办结，不再提供个人数据。", "The case is closed: its personal data are given no more."),
    "scope": ("所要字段超出该目的的范围。", "Fields were asked for that the purpose does not cover."),
    "request-unknown": ("没有这一数据请求。", "There is no such request for a proof."),
    "request-not-yours": ("该数据请求不是向该部门提出的。", "The request was not made to this department."),
    "request-answered": ("该数据请求已经答复。", "The request has been answered already."),
    "request-expired": ("该数据请求已过期。", "The request has expired."),
    "not-the-applicant": ("不是申请人本人。", "This is not the applicant."),
    "duty-missing": ("该人员没有这项职责。", "The officer does not have the duty that this takes."),
    "own-application": RECUSALS["own-application"],
    "own-decision": RECUSALS["own-decision"],
    "forged-source": ("答复不是由数据源部门作出的。", "The answer does not come from the source that was asked."),
    "erased": ("个人数据已依规定删除。", "The personal data were erased under a retention rule."),
}
