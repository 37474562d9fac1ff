"""The graph of an item's steps."""

from collections.abc import Iterator, Mapping

from tongban_catalog.department import Department
from tongban_catalog.problem import Problem, problem
from tongban_catalog.source import Source


def flow(source: Source, _: Mapping[str, Department]) -> Iterator[Problem]:
    """Needs name steps, form no cycle, and leave every step reachable; at least one step always applies.

    A need before a decision can lock up a cycle as one before an opening can; one before a milestone blocks nothing.
    """
    steps = source.data["steps"]
    needs: dict[str, set[str]] = {step["id"]: set() for step in steps}
    place: dict[str, int] = {}
    for index, step in enumerate(steps):
        place.setdefault(step["id"], index)
        for number, need in enumerate(step.get("needs", ())):
            if need["step"] not in needs:
                zh = f"步骤 {step['id']} 的前置 {need['step']} 不存在"
                en = f"step {step['id']} needs {need['step']}, which is no step of this item"
                yield problem(source, ["steps", index, "needs", number, "step"], "unknown-step", zh, en)
            elif "milestone" not in need:
                needs[step["id"]].add(need["step"])
    stuck = _never_open(needs)
    on_cycle = {step for step in stuck if _reaches(needs, step, step)}
    for step_id in sorted(stuck):
        if step_id in on_cycle:
            zh, en = (
                f"步骤 {step_id} 的前置关系成环",
                f"step {step_id} needs itself, by way of {_cycle(needs, step_id)}",
            )
            yield problem(source, ["steps", place[step_id], "needs"], "cycle", zh, en)
        else:
            zh, en = (
                f"步骤 {step_id} 永远无法开始:其前置成环",
                f"step {step_id} can never open: a need of it is on a cycle",
            )
            yield problem(source, ["steps", place[step_id], "needs"], "unreachable-step", zh, en)
    if all("when" in step or step.get("local") for step in steps):
        zh, en = (
            "每个步骤都有条件,可能一个也不适用",
            "every step has a condition, so that none may apply: one has to be always",
        )
        yield problem(source, ["steps"], "no-certain-step", zh, en)


def _never_open(needs: Mapping[str, set[str]]) -> set[str]:
    """The steps on a cycle and those behind one."""
    done: set[str] = set()
    while ready := {step for step, before in needs.items() if step not in done and before <= done}:
        done |= ready
    return set(needs) - done


def _cycle(needs: Mapping[str, set[str]], start: str) -> str:
    """A shortest way from a step back to itself: ``A -> B -> A``."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        for step in sorted(needs[way[-1]]):
            if step == start:
                return " -> ".join([*way, start])
            if step not in seen:
                seen.add(step)
                ways.append([*way, step])
    return start


def _reaches(needs: Mapping[str, set[str]], start: str, goal: str) -> bool:
    waiting, seen = list(needs[start]), set[str]()
    while waiting:
        step = waiting.pop()
        if step == goal:
            return True
        if step not in seen:
            seen.add(step)
            waiting.extend(needs[step])
    return False
