"""What a person doubts of a line, and what its department answers: published, and kept for the department."""

from collections.abc import Container, Mapping
from typing import Any
from uuid import UUID

from tongban_catalog.item import Item, NoDepartmentError
from tongban_runtime import facts
from tongban_runtime.auth import Caller
from tongban_runtime.database import Tx
from tongban_runtime.keys import KeyRequest
from tongban_runtime.problems import Problem
from tongban_runtime.sealing import CaseKeys
from tongban_schemas.envelope import event_id
from tongban_schemas.events.access import (
    DOUBT_FIELD,
    EXPLANATION_FIELD,
    FIRST_CHAIN,
    AccessDoubted,
    AccessExplained,
)

from tongban_intake.ledger.lines import Line
from tongban_intake.store import doubts
from tongban_intake.store.doubts import StoredDoubt
from tongban_intake.vault import Vault


async def doubt(tx: Tx, vault: Vault, case: UUID, line: Line, department: str, text: str) -> StoredDoubt:
    """Says that the person doubts a line. Raises `Problem` 409 while an earlier doubt of it is unanswered."""
    await facts.lock(tx, [case])
    access = UUID(line.event)
    before = await doubts.of_line(tx, case, access)
    if any(one.explained_at is None for one in before):
        raise Problem(
            409,
            "doubt-open",
            "这条记录的疑问已经送交，正在等待答复。",
            "You asked about this line already; the answer is awaited.",
        )
    names = (line.event, str(len(before) + 1))
    name = event_id(AccessDoubted.TYPE, str(case), *names)
    keys = await vault.open(tx, case)
    data = AccessDoubted(
        access=access, department=department, text=keys.seal(name, DOUBT_FIELD, text), chain=FIRST_CHAIN
    )
    said = await vault.say(tx, case, data, *names, cause=access)
    kept = StoredDoubt(name, case, access, department, data.text, vault.clock.now() if said is None else said.time)
    await doubts.add(tx, kept)
    return kept


async def explain(tx: Tx, vault: Vault, one: StoredDoubt, officer: Caller, text: str) -> None:
    """Answers a doubt for its department. Raises `Problem` 409 when it is answered already."""
    await facts.lock(tx, [one.application])
    current = await doubts.find(tx, one.application, one.doubt)
    if current is None or current.explained_at is not None:
        raise Problem(409, "doubt-answered", "这条疑问已经答复。", "This doubt has been answered already.")
    keys = await look(tx, vault, one, officer, EXPLANATION_FIELD)
    name = event_id(AccessExplained.TYPE, str(one.application), str(one.doubt))
    data = AccessExplained(
        doubt=one.doubt,
        department=one.department,
        text=keys.seal(name, EXPLANATION_FIELD, text),
        officer=officer.id,
        chain=FIRST_CHAIN,
    )
    await vault.say(tx, one.application, data, str(one.doubt), cause=one.doubt)
    await doubts.explained(tx, one.doubt, vault.clock.now())


async def look(tx: Tx, vault: Vault, one: StoredDoubt, officer: Caller, field: str = DOUBT_FIELD) -> CaseKeys:
    """The key with which a department reads a doubt or writes the answer, on record. Raises `KeysRefusedError`."""
    fields = frozenset((field,))
    return await vault.look(
        tx, KeyRequest(one.application, "explain", fields, department=one.department, officer=officer.id)
    )


def answering(line: Line, item: Item | None, answers: Mapping[str, Any], known: Container[str]) -> str | None:
    """The department that has to answer for a line: its own, else the one that receives the case."""
    if line.department is not None and line.department in known:
        return line.department
    if item is None:
        return None
    try:
        return item.acceptance.department_of(answers)
    except NoDepartmentError:
        return min(item.acceptance.choice.departments, default=None)
