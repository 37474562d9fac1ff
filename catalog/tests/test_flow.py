"""The flow functions on random graphs: what opens depends on what was granted, never on the order of it."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tongban_catalog.item import Item, all_granted, applicable_steps, open_steps

NAME = {"zh": "步骤", "en": "step"}


def item_of(needs: list[set[int]], switched: set[int]) -> Item:
    steps: list[dict[str, Any]] = []
    for index, before in enumerate(needs):
        step: dict[str, Any] = {
            "id": f"S{index}",
            "name": NAME,
            "department": "housing",
            "needs": [{"step": f"S{need}"} for need in sorted(before)],
            "decide": {"by": "officer"},
        }
        if index in switched:
            step["when"] = {"required": [f"a{index}"], "properties": {f"a{index}": {"const": True}}}
        steps.append(step)
    return Item.from_definition(
        {
            "code": "11990000000000019A3990100001000",
            "version": 1,
            "name": NAME,
            "summary": NAME,
            "form": {"type": "object", "properties": {}},
            "steps": steps,
            "certificate": {"kind": "11990000000000019A001", "issuer": "housing", "name": NAME},
        }
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[Item, dict[str, bool]]:
    size = draw(st.integers(1, 12))
    needs = [draw(st.sets(st.integers(0, index - 1), max_size=4)) if index else set() for index in range(size)]
    switched = draw(st.sets(st.integers(0, size - 1)))
    answers = {f"a{index}": draw(st.booleans()) for index in switched if draw(st.booleans())}
    return item_of(needs, switched), answers


@settings(max_examples=500)
@given(cases(), st.randoms(use_true_random=False))
def test_every_grant_order_ends_the_same_and_no_step_opens_early(
    case: tuple[Item, dict[str, bool]], random: Any
) -> None:
    item, answers = case
    wanted = {step.id for step in applicable_steps(item, answers)}
    opened: set[str] = set()
    granted: set[str] = set()
    while True:
        for step in open_steps(item, answers, granted, opened):
            assert step.id in wanted
            assert step.needed & wanted <= granted
            opened.add(step.id)
        assert all_granted(item, answers, granted) == (bool(wanted) and granted == wanted)
        waiting = sorted(opened - granted)
        if not waiting:
            break
        granted.add(random.choice(waiting))
    assert opened == granted == wanted


@settings(max_examples=300)
@given(cases(), st.sets(st.integers(0, 11)), st.sets(st.integers(0, 11)))
def test_more_grants_never_close_a_step(case: tuple[Item, dict[str, bool]], first: set[int], more: set[int]) -> None:
    item, answers = case
    few = {f"S{index}" for index in first}
    many = few | {f"S{index}" for index in more}
    before = {step.id for step in open_steps(item, answers, few, set())}
    after = {step.id for step in open_steps(item, answers, many, set())}
    assert before <= after


@given(cases())
def test_a_step_applies_exactly_when_its_condition_holds(case: tuple[Item, dict[str, bool]]) -> None:
    item, answers = case
    for _ in range(2):
        for step in item.steps:
            holds = step.when is None or answers.get(f"a{step.id[1:]}") is True
            assert (step in applicable_steps(item, answers)) == holds


def test_answers_that_python_takes_for_equal_are_kept_apart() -> None:
    item = item_of([set(), set()], {1})
    assert [step.id for step in applicable_steps(item, {"a1": True})] == ["S0", "S1"]
    assert [step.id for step in applicable_steps(item, {"a1": 1})] == ["S0"]
    assert [step.id for step in applicable_steps(item, {"a1": "True"})] == ["S0"]
    assert [step.id for step in applicable_steps(item, {"a1": ["x"]})] == ["S0"]
    assert [step.id for step in applicable_steps(item, {})] == ["S0"]


def test_a_case_to_which_no_step_applies_is_never_granted_by_itself() -> None:
    item = item_of([set()], {0})
    assert applicable_steps(item, {}) == ()
    assert not all_granted(item, {}, set())


def test_remembered_flows_are_bounded() -> None:
    item = item_of([set(), set()], {1})
    for number in range(10_000):
        applicable_steps(item, {"a1": number})
    assert len(item._flows) <= 4096
