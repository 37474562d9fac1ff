"""Which personal values a step's officers may see: those that its decision looks at, and how to reach the applicant."""

from collections.abc import Iterable

from tongban_catalog.parts import Step

_CONTACT = "contact_"
"""Answers whose names begin so tell how to reach the applicant."""


def seen_answers(step: Step, names: Iterable[str]) -> frozenset[str]:
    """Which of these answers the step looks at; one without declared inputs looks at all of them."""
    if not step.inputs:
        return frozenset(names)
    return frozenset(name for name in names if name in step.inputs or name.startswith(_CONTACT))
