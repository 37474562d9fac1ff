"""A case as the fetching of proofs sees it: who agreed, for which item, what the person said, what came."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from tongban_catalog.clock import china_day
from tongban_catalog.form import FieldError
from tongban_catalog.item import Item, Source, split_personal
from tongban_catalog.parts import APPLICANT
from tongban_catalog.proofs import Proof, proofs
from tongban_catalog.shelf import Shelf
from tongban_runtime.database import Pool, Tx
from tongban_runtime.sealing import CaseKeys, SealBrokenError
from tongban_schemas.envelope import Event
from tongban_schemas.events.evidence import evidence_field
from tongban_schemas.types import JsonObject

from tongban_intake.domain.history import History, submission
from tongban_intake.evidence import asking
from tongban_intake.evidence.answers import Answered, Fetched, answered, filled, fits, standing_proofs, typed, usable
from tongban_intake.evidence.bringing import Call, call_for
from tongban_intake.evidence.identity import IDENTITY_FIELD, identity_of
from tongban_intake.store import drafts
from tongban_intake.store.drafts import DRAFT_FIELD, StoredDraft
from tongban_intake.store.evidence import Consent
from tongban_intake.vault import Vault


@dataclass(frozen=True, slots=True)
class Touched:
    """A locked case, draft or application, with its facts and the trace of what touched it."""

    case: UUID
    facts: tuple[Event, ...]
    traceparent: str | None = None

    @property
    def cause(self) -> UUID | None:
        """The newest fact's id."""
        return max(self.facts, key=lambda fact: (fact.time, fact.sequence, fact.id.int)).id if self.facts else None


@dataclass(frozen=True, slots=True)
class Picture:
    """One case. ``own`` are the person's answers in the clear, ``sealed`` the personal ones of an application.

    ``asks`` says whether anything may be asked now: not after the end, and not while a submission is on its way to intake.
    ``runs`` says whether time still ends its requests.
    """

    case: UUID
    item: Item
    own: JsonObject = field(repr=False)
    sealed: Mapping[str, str]
    facts: tuple[Event, ...] = field(repr=False)
    proofs: Mapping[str, Proof]
    answered: Answered = field(repr=False)
    consent: Consent | None
    keys: CaseKeys | None
    asks: bool
    runs: bool
    traceparent: str | None = None
    cause: UUID | None = None

    def with_facts(self, events: Sequence[Event], now: datetime) -> "Picture":
        """The case after it learned something more."""
        facts = (*self.facts, *events)
        return picture(
            self.case, self.item, self.own, facts, now, sealed=self.sealed, consent=self.consent, keys=self.keys,
            asks=self.asks, runs=self.runs, traceparent=self.traceparent, cause=self.cause,
        )  # fmt: skip

    def call_for(self, material: str) -> Call | None:
        """What calls for a file of a material now."""
        return call_for(
            self.case, self.item, material, self.facts, self.answered.plain, consented=self.consent is not None
        )

    def open_fetched(self) -> dict[str, Any]:
        """The fetched answers in the clear. Raises `SealBrokenError`."""
        return {name: self._opened(one) for name, one in self.answered.fetched.items()}

    def filled(self, today: date | None = None) -> tuple[JsonObject, list[FieldError]]:
        """(the answers of a draft with the fetched ones filled in, what is wrong with them by field)."""
        return filled(self.item, self.own, self.answered, self.open_fetched(), today)

    def unfit(self) -> Counter[str]:
        """How many values a resource gave that nobody could type, by resource."""
        found: Counter[str] = Counter()
        for source, proof in standing_proofs(self.item, self.proofs):
            for answer, name in source.supplies.items():
                value = (
                    proof.values[name] if name in proof.values else _opened(self.item, answer, proof, name, self.keys)
                )
                found[source.resource] += value is not None and not fits(self.item, answer, value)
        return found

    def holder_of(self, source: Source) -> tuple[str | None, bool] | None:
        """(whose record a source is asked for, whether that is personal); None while the answer that says so is missing.

        The number is None where nobody can say it.
        """
        if self.keys is None or self.consent is None:
            return None
        if source.holder in self.sealed:
            return self.keys.open(source.holder, self.sealed[source.holder]), True
        name = asking.holder_answer(self.item, source, self.own, self.answered.fetched)
        if name is None:
            return None
        if name == APPLICANT:
            return identity_of(self.keys.open(IDENTITY_FIELD, self.consent.sealed)).id_number, True
        if (one := self.answered.fetched.get(name)) is not None:
            return str(self._opened(one)), one.sealed is not None or name in self.item.form.personal
        return str(self.own[name]), name in self.item.form.personal

    def _opened(self, one: Fetched) -> Any:
        if one.sealed is None or self.keys is None:
            return one.value
        return typed(
            self.item, one.answer, self.keys.open(evidence_field(one.material, one.resource_field), one.sealed)
        )


def picture(
    case: UUID,
    item: Item,
    own: JsonObject,
    facts: tuple[Event, ...],
    now: datetime,
    *,
    sealed: Mapping[str, str] | None = None,
    consent: Consent | None,
    keys: CaseKeys | None,
    asks: bool,
    runs: bool,
    traceparent: str | None = None,
    cause: UUID | None = None,
) -> Picture:
    """One case from its parts."""
    known = proofs(facts)
    plain = split_personal(item, own)[0]
    told = answered(item, plain, known, china_day(now), asking.exhausted(facts), _unusable(item, known, keys))
    return Picture(case, item, own, sealed or {}, facts, known, told, consent, keys, asks, runs, traceparent, cause)


def _unusable(item: Item, known: Mapping[str, Proof], keys: CaseKeys | None) -> frozenset[tuple[str, str]]:
    """The sealed values that the flow cannot work with, by material and answer."""
    return frozenset(
        (source.material, answer)
        for source, proof in standing_proofs(item, known)
        for answer, name in source.supplies.items()
        if not item.form.takes_any_text(answer)
        if (value := _opened(item, answer, proof, name, keys)) is not None and not usable(item, answer, value)
    )


def _opened(item: Item, answer: str, proof: Proof, name: str, keys: CaseKeys | None) -> Any:
    """What a source gave sealed for an answer; None when it gave none, or none that opens."""
    if keys is None or name not in proof.sealed:
        return None
    with suppress(SealBrokenError):
        return typed(item, answer, keys.open(evidence_field(proof.material, name), proof.sealed[name]))


def draft_body(keys: CaseKeys, row: StoredDraft) -> JsonObject:
    """What a draft holds: its ``item``, its ``answers`` and the rest. Raises `SealBrokenError`."""
    body: JsonObject = msgspec.json.decode(keys.open(DRAFT_FIELD, row.sealed))
    return body


async def pictures(
    tx: Tx | Pool,
    shelf: Shelf,
    vault: Vault,
    touched: Sequence[Touched],
    consents: Mapping[UUID, Consent],
    now: datetime,
) -> dict[UUID, Picture]:
    """The pictures of the cases whose item is known; a draft without a consent is not looked at."""
    ids = [one.case for one in touched]
    submitted = {one.case: data for one in touched if (data := submission(one.facts)) is not None}
    refs = [data.item for data in submitted.values()] + [one.item for one in consents.values()]
    items = await shelf.items(tx, refs)
    begun = await drafts.find_many(tx, [case for case in ids if case not in submitted and case in consents])
    keys = await vault.open_many(tx, [case for case in ids if case in consents])
    found = {}
    for one in touched:
        consent, key = consents.get(one.case), keys.get(one.case)
        data = submitted.get(one.case)
        ref = data.item if data is not None else None if consent is None else consent.item
        item = None if ref is None else items.get(ref)
        if item is None:
            continue
        own: JsonObject = {}
        sealed: Mapping[str, str] = {}
        asks = key is not None and consent is not None
        runs = True
        if data is not None:
            history = History.of(str(one.case), one.facts, item)
            own, sealed = history.answers.plain, history.answers.sealed
            runs = history.ending() is None
        elif (row := begun.get(one.case)) is not None and key is not None:
            own = draft_body(key, row)["answers"]
        else:
            asks = False
        found[one.case] = picture(
            one.case, item, own, one.facts, now, sealed=sealed, consent=consent, keys=key, asks=asks and runs, runs=runs,
            traceparent=one.traceparent, cause=one.cause,
        )  # fmt: skip
    return found
