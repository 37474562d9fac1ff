"""A national standard and a region's implementation of it make one item. Pure.

The standard says what holds everywhere: form, materials, steps, limits. The implementation says who, where and since when,
and what is better here: shorter times, lower fees, substitutions, sources. What it may not say is in
`tongban_catalog.rules.regional`.
"""

from collections.abc import Mapping
from typing import Any, Literal

from tongban_schemas.types import JsonObject

from tongban_catalog.parse import bases_of
from tongban_catalog.source import Place

Origin = Literal["standard", "implementation"]

LOCAL = ("counters", "contacts", "effective_from", "cancel_on")
"""Keys that an implementation alone has and that become keys of the item."""
_OWN = frozenset({"code", "version", "region", "departments", *LOCAL})
_CERTIFICATE = frozenset({"kind", "issuer"})


def compose(standard: JsonObject, implementation: JsonObject) -> JsonObject:
    """The complete definition of the item: what `ItemPublished` carries, valid against item.schema.json.

    Steps marked ``local`` are there only when the implementation adopts them; needs of a step that is not there go with it,
    and so do bases and laws that nothing refers to any more. Both arguments are well-shaped (`tongban_catalog.check`).
    """
    steps = [_step(standard, implementation, index) for index in _kept(standard, implementation)]
    implements = implementation["implements"]
    adopted = {key: implementation[key] for key in LOCAL if key in implementation}
    definition: JsonObject = {
        "code": implementation["code"],
        "version": implementation["version"],
        "standard": {"code": implements["standard"], "version": implements["version"]},
        "region": implementation["region"],
        **adopted,
        **{key: value for key, value in standard.items() if key not in ("code", "version", "departments")},
        "departments": implementation["departments"],
        "steps": steps,
        "certificate": {**standard["certificate"], **implementation["certificate"]},
    }
    if "fees" in standard:
        amounts = implementation.get("fees", {})
        definition["fees"] = [
            {**fee, "amount_cny": amounts.get(fee["id"], fee["amount_cny"])} for fee in standard["fees"]
        ]
    substitutions = [*standard.get("substitutions", ()), *implementation.get("substitutions", ())]
    if substitutions:
        definition["substitutions"] = substitutions
    sources = [*standard.get("sources", ()), *implementation.get("sources", ())]
    if sources:
        definition["sources"] = sources
    used = bases_of({key: value for key, value in definition.items() if key not in ("bases", "laws")})
    bases = {name: base for name, base in standard["bases"].items() if name in used}
    bases |= {name: base for name, base in implementation.get("bases", {}).items() if name not in bases}
    cited = {base.get("law") for base in bases.values()}
    laws = {name: law for name, law in standard["laws"].items() if name in cited}
    laws |= {name: law for name, law in implementation.get("laws", {}).items() if name not in laws}
    return {**definition, "laws": laws, "bases": bases}


def origin(standard: JsonObject, implementation: JsonObject, place: Place) -> tuple[Origin, Place]:
    """Which of the two files says what stands at a place of the definition, and where in that file."""
    match place:
        case ("standard", "code"):
            return "implementation", ("implements", "standard")
        case ("standard", *rest):
            return "implementation", ("implements", *rest)
        case (key, *_) if key in _OWN:
            return "implementation", place
        case ("certificate", key, *_) if key in _CERTIFICATE:
            return "implementation", place
        case ("bases" | "laws" as section, name, *_) if name not in standard[section]:
            return "implementation", place
        case ("substitutions" | "sources" as section, int(index), *rest):
            own = index - len(standard.get(section, ()))
            return ("standard", place) if own < 0 else ("implementation", (section, own, *rest))
        case ("fees", int(index), "amount_cny") if standard["fees"][index]["id"] in implementation.get("fees", {}):
            return "implementation", ("fees", standard["fees"][index]["id"])
        case ("steps", int(index), *rest):
            return _step_origin(standard, implementation, index, rest)
    return "standard", place


def _step_origin(standard: JsonObject, implementation: JsonObject, index: int, rest: list[Any]) -> tuple[Origin, Place]:
    kept = _kept(standard, implementation)[index]
    step = standard["steps"][kept]
    match rest:
        case ["limit", "promised", *more] if step["id"] in implementation.get("promised", {}):
            return "implementation", ("promised", step["id"], *more)
        case ["needs", int(number), *more]:
            return "standard", ("steps", kept, "needs", _needs(standard, implementation, step)[number], *more)
    return "standard", ("steps", kept, *rest)


def left_out(standard: JsonObject, implementation: JsonObject) -> frozenset[str]:
    """The local steps that the implementation does not adopt."""
    adopts = implementation.get("adopts", ())
    return frozenset(step["id"] for step in standard["steps"] if step.get("local") and step["id"] not in adopts)


def _kept(standard: JsonObject, implementation: JsonObject) -> list[int]:
    out = left_out(standard, implementation)
    return [index for index, step in enumerate(standard["steps"]) if step["id"] not in out]


def _needs(standard: JsonObject, implementation: JsonObject, step: Mapping[str, Any]) -> list[int]:
    out = left_out(standard, implementation)
    return [number for number, need in enumerate(step.get("needs", ())) if need["step"] not in out]


def _step(standard: JsonObject, implementation: JsonObject, index: int) -> JsonObject:
    step = {key: value for key, value in standard["steps"][index].items() if key != "local"}
    if "needs" in step:
        step["needs"] = [step["needs"][number] for number in _needs(standard, implementation, step)]
    promised = implementation.get("promised", {}).get(step["id"])
    if promised is not None:
        step["limit"] = {**step.get("limit", {}), "promised": promised}
    return step
