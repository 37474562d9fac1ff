"""The parts of an item out of the ``definition`` of an `ItemPublished` event. Pure.

Functions raise `KeyError`, `TypeError` or `ValueError` for what is no part; `tongban_catalog.item.Item` tells that as one error.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from tongban_schemas.types import JsonObject, Limit

from tongban_catalog.basis import Basis, Ground
from tongban_catalog.form import Form, Text, text
from tongban_catalog.guide import Contact, Counter, CrossRegion, Fee
from tongban_catalog.parts import (
    APPLICANT,
    NOTICE,
    SOURCE_LIMIT,
    Acceptance,
    Certificate,
    Condition,
    Decide,
    DeptChoice,
    Holder,
    ItemDefinitionError,
    Joint,
    Limits,
    Material,
    Need,
    Opinion,
    Procedure,
    Quota,
    Renewal,
    Source,
    StandardRef,
    Step,
    StepSilence,
    Substitution,
)


def limit(part: JsonObject | None) -> Limit | None:
    return None if part is None else Limit(number=part["number"], unit=part["unit"])


def day(value: str | None) -> date | None:
    return None if value is None else date.fromisoformat(value)


def choice(part: str | JsonObject) -> DeptChoice:
    """A value of ``departments``: an id, or ``{by: answer, of: {value: id}}``."""
    return DeptChoice(fixed=part) if isinstance(part, str) else DeptChoice(by=part["by"], of=dict(part["of"]))


def maybe_text(part: JsonObject | None) -> Text | None:
    return None if part is None else text(part)


def standard(part: JsonObject | None) -> StandardRef | None:
    return None if part is None else StandardRef(part["code"], part["version"])


def holder(part: JsonObject | None) -> Holder | None:
    return None if part is None else Holder(part["name"], part.get("code"))


def cross_region(part: JsonObject | None) -> CrossRegion | None:
    return None if part is None else CrossRegion(part["mode"], part["scope"])


def counters(parts: list[JsonObject]) -> tuple[Counter, ...]:
    return tuple(
        Counter(text(part["name"]), text(part["address"]), maybe_text(part.get("hours")), part.get("phone"))
        for part in parts
    )


def contacts(parts: list[JsonObject]) -> tuple[Contact, ...]:
    return tuple(Contact(text(part["name"]), part.get("phone"), part.get("email")) for part in parts)


class Parts:
    """Reads parts that name laws, bases and roles of their definition."""

    def __init__(self, definition: JsonObject) -> None:
        laws = {name: text(law) for name, law in definition.get("laws", {}).items()}
        self._bases = {name: _base(part, laws) for name, part in definition.get("bases", {}).items()}
        self.roles = {role: choice(part) for role, part in definition.get("departments", {}).items()}

    def role(self, name: str) -> DeptChoice:
        """Who plays a role; a name that is no role of the item is a department's id itself."""
        return self.roles.get(name, DeptChoice(fixed=name))

    def bases(self, part: JsonObject) -> tuple[Basis, ...]:
        return tuple(self._bases[name] for name in part.get("basis", ()))

    def acceptance(self, part: JsonObject | None) -> Acceptance:
        """Without one, a rule accepts at the lead department."""
        if part is None:
            return Acceptance("rule", self.role("lead"))
        if part["by"] not in ("rule", "officer"):
            raise ItemDefinitionError(f"acceptance.by is {part['by']!r}, not rule or officer")
        return Acceptance(part["by"], self.role(part.get("department", "lead")), limit(part.get("notice")) or NOTICE)

    def joint(self, part: JsonObject | None) -> Joint | None:
        if part is None:
            return None
        lead = self.role(part.get("lead", "lead"))
        return Joint(lead, _limit(part["legal"]), limit(part.get("extension")), self.bases(part))

    def fees(self, parts: list[JsonObject]) -> tuple[Fee, ...]:
        return tuple(Fee(part["id"], text(part["name"]), float(part["amount_cny"]), self.bases(part)) for part in parts)

    def substitutions(self, parts: list[JsonObject]) -> tuple[Substitution, ...]:
        return tuple(
            Substitution(
                material=part["material"],
                by=text(part["by"]),
                when=_condition(part.get("when")),
                basis=self.bases(part),
                begin=day(part.get("from")),
                until=day(part.get("until")),
                region=part.get("region"),
            )
            for part in parts
        )

    def sources(self, parts: list[JsonObject]) -> tuple[Source, ...]:
        return tuple(
            Source(
                material=part["material"],
                resource=part["resource"],
                fields=tuple(part["fields"]),
                holder=part.get("holder", APPLICANT),
                supplies=dict(part.get("supplies", {})),
                basis=self.bases(part),
                limit=limit(part.get("limit")) or SOURCE_LIMIT,
                when=_condition(part.get("when")),
            )
            for part in parts
        )

    def renewal(self, part: JsonObject | None) -> Renewal | None:
        return None if part is None else Renewal(part["previous"], limit(part.get("ask_before")), self.bases(part))

    def certificate(self, part: JsonObject) -> Certificate:
        return Certificate(
            kind=part["kind"],
            choice=self.role(part["issuer"]),
            name=text(part["name"]),
            basis=self.bases(part),
            valid_years=part.get("valid_years"),
        )

    def material(self, part: JsonObject) -> Material:
        return Material(
            id=part["id"],
            name=text(part["name"]),
            issuer=text(part["issuer"]),
            choice=self.role(part["asked_by"]),
            basis=self.bases(part),
            obtain=tuple(text(way) for way in part["obtain"]),
            required=part.get("required", True),
            tolerable=limit(part.get("tolerable")),
            when=_condition(part.get("when")),
            own=part.get("own", False),
        )

    def step(self, part: JsonObject) -> Step:
        needs = tuple(self._need(need) for need in part.get("needs", ()))
        times = part.get("limit", {})
        blocking = [need for need in needs if need.milestone is None]
        return Step(
            id=part["id"],
            name=text(part["name"]),
            choice=self.role(part["department"]),
            role=part["department"],
            stage=part.get("stage"),
            needs=needs,
            needed=frozenset(need.step for need in blocking if need.before == "opening"),
            needed_to_decide=frozenset(need.step for need in blocking if need.before == "decision"),
            when=_condition(part.get("when")),
            limits=Limits(limit(times.get("legal")), limit(times.get("promised"))),
            basis=self.bases(part),
            decide=_decide(part["decide"]),
            inputs=frozenset(part.get("inputs", ())),
            extension=limit(part.get("extension")),
            procedures=tuple(
                Procedure(one["id"], text(one["name"]), self.bases(one), _limit(one["expected"]))
                for one in part.get("procedures", ())
            ),
            opinions=tuple(
                Opinion(
                    id=one["id"],
                    name=text(one["name"]),
                    department=self.role(one["department"]),
                    limit=_limit(one["limit"]),
                    silence=one.get("silence", "escalate"),
                    basis=self.bases(one),
                )
                for one in part.get("opinions", ())
            ),
            silence=self._silence(part.get("silence")),
            quorum=part.get("quorum", 1),
            quota=self._quota(part.get("quota")),
            grant=None if part.get("grant") is None else Form.compile(part["grant"]),
            refusals=tuple(Ground(one["id"], text(one["name"]), self.bases(one)) for one in part.get("refusals", ())),
        )

    def _need(self, part: JsonObject) -> Need:
        return Need(part["step"], self.bases(part), part.get("before", "opening"), maybe_text(part.get("milestone")))

    def _silence(self, part: JsonObject | None) -> StepSilence | None:
        if part is None:
            return None
        at = part.get("at", "legal")
        return StepSilence(None if at == "legal" else at.removeprefix("field:"), self.bases(part))

    def _quota(self, part: JsonObject | None) -> Quota | None:
        return None if part is None else Quota(part["number"], part.get("per", "year"), self.bases(part))


def _limit(part: JsonObject) -> Limit:
    return Limit(number=part["number"], unit=part["unit"])


def _condition(schema: JsonObject | None) -> Condition | None:
    return None if schema is None else Condition.compile(schema)


def _decide(part: JsonObject) -> Decide:
    if part["by"] == "officer":
        return Decide("officer")
    if part["by"] != "rule":
        raise ItemDefinitionError(f"decide.by is {part['by']!r}, not officer or rule")
    return Decide("rule", Condition.compile(part["grant_when"]), part.get("else", "officer"))


def _base(part: JsonObject, laws: Mapping[str, Text]) -> Basis:
    if "local_habit" in part:
        return Basis(None, "", text(part["local_habit"]))
    return Basis(laws[part["law"]], part["article"], text(part["says"]))


def bases_of(value: Any) -> frozenset[str]:
    """The names under every ``basis`` of a definition or of a part of it."""
    if isinstance(value, dict):
        own = frozenset(value["basis"]) if isinstance(value.get("basis"), list) else frozenset[str]()
        return own.union(*(bases_of(part) for part in value.values()))
    if isinstance(value, list):
        return frozenset[str]().union(*(bases_of(part) for part in value))
    return frozenset()
