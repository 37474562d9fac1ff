"""What needs a law: a local habit is not enough for it."""

from collections.abc import Iterator, Mapping

from tongban_schemas.types import JsonObject

from tongban_catalog.department import Department
from tongban_catalog.problem import Problem, has_law, problem
from tongban_catalog.source import Place, Source


def lawful(source: Source, _: Mapping[str, Department]) -> Iterator[Problem]:
    """What burdens the applicant or speaks for a silent department rests on an article of a law."""
    for place, part, rule, zh, en in _burdens(source.data):
        if not has_law(source.data, part["basis"]):
            yield problem(
                source,
                [*place, "basis"],
                rule,
                f"{zh}须有法律依据,本地做法不足为据",
                f"{en} takes an article of a law: a local habit is not enough",
            )


def _burdens(item: JsonObject) -> Iterator[tuple[Place, JsonObject, str, str, str]]:
    for index, part in enumerate(item["materials"]):
        if part.get("required", True):
            yield (
                ("materials", index),
                part,
                "material-without-law",
                f"必要材料 {part['id']} ",
                f"requiring {part['id']}",
            )
    for index, part in enumerate(item.get("fees", ())):
        yield ("fees", index), part, "fee-without-law", f"收费 {part['id']} ", f"the fee {part['id']}"
    for index, part in enumerate(item.get("substitutions", ())):
        if "basis" in part:
            yield ("substitutions", index), part, "substitution-without-law", "替代材料", "a substitution"
    if "joint" in item:
        yield ("joint",), item["joint"], "joint-without-law", "联合办理时限", "a joint limit"
    for index, step in enumerate(item["steps"]):
        yield from _burdens_of(("steps", index), step)


def _burdens_of(place: Place, step: JsonObject) -> Iterator[tuple[Place, JsonObject, str, str, str]]:
    if "silence" in step:
        yield (*place, "silence"), step["silence"], "deemed-without-law", "默许", "a grant by silence"
    if "quota" in step:
        yield (*place, "quota"), step["quota"], "quota-without-law", "数量限制", "a limited number"
    for number, part in enumerate(step.get("procedures", ())):
        zh, en = f"特别程序 {part['id']} ", f"the special procedure {part['id']}, which stops the clock,"
        yield (*place, "procedures", number), part, "procedure-without-law", zh, en
    for number, part in enumerate(step.get("opinions", ())):
        if part["silence"] == "deemed":
            zh, en = f"意见 {part['id']} 的默示同意", f"consent by silence to {part['id']}"
            yield (*place, "opinions", number), part, "deemed-without-law", zh, en
