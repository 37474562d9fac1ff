"""Keys for tests of one service alone: derived from the case's id, so that test and service agree without a vault.

`tests/contracts` runs the same services against the real vault.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from tongban_schemas.events.access import AccessRule

from tongban_runtime.keys import Attempt, KeyRequest, Refused
from tongban_runtime.sealing import CaseKeys


def root_of(application: UUID | str) -> bytes:
    """The root key that tests give an application."""
    return hashlib.sha256(f"test root of {application}".encode()).digest()


def case_keys(application: UUID | str) -> CaseKeys:
    """All keys of an application, to seal test events with and to open what a service sealed."""
    return CaseKeys(root=root_of(application))


@dataclass(slots=True)
class TestKeyring:
    """Gives what is asked for and remembers it; ``refusing`` holds the cases that it refuses, with the rule,
    ``gone`` those whose keys are destroyed."""

    __test__ = False

    asked: list[KeyRequest] = field(default_factory=list)
    refused: list[Attempt] = field(default_factory=list)
    refusing: dict[UUID, AccessRule] = field(default_factory=dict)
    gone: set[UUID] = field(default_factory=set)

    async def release(self, wanted: Sequence[KeyRequest]) -> list[CaseKeys | Refused]:
        self.asked += wanted
        return [
            Refused(self.refusing[one.application])
            if one.application in self.refusing
            else CaseKeys(case_keys(one.application).keys(one.fields))
            for one in wanted
        ]

    async def turned_away(self, attempts: Sequence[Attempt]) -> None:
        self.refused += attempts

    async def erased(self, cases: Collection[UUID]) -> set[UUID]:
        return self.gone & set(cases)
