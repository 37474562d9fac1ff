"""A long ledger folded for a small screen: by month, and in each month by who used the data. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tongban_schemas.types import CHINA

from tongban_intake.ledger.showing import LineShown
from tongban_intake.presentation import Words
from tongban_intake.presentation.dates import month_words

PAGE: int = 100
"""Lines on one page."""

One = TypeVar("One", bound=LineShown)


@dataclass(slots=True)
class User(Generic[One]):
    """Who used the data in a month, with their lines, newest first. ``id`` is a department's or a service's."""

    id: str
    name: Words
    lines: list[One] = field(default_factory=list)


@dataclass(slots=True)
class Month(Generic[One]):
    """One month in China, ``2026-03``, newest first."""

    id: str
    name: Words
    users: list[User[One]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Folded(Generic[One]):
    """One page of a ledger. ``chosen`` is the user that it is about; ``users`` are all there are, by name."""

    months: list[Month[One]]
    users: list[User[One]]
    chosen: str
    page: int
    pages: int


def user_of(line: LineShown) -> str:
    return line.department or line.service


def fold(lines: Sequence[One], chosen: str, page: int) -> Folded[One]:
    """The lines of one page, newest first; those of one user alone when one is ``chosen``.

    For a page that is not there, the nearest one.
    """
    users: dict[str, User[One]] = {}
    for line in lines:
        users.setdefault(user_of(line), User(user_of(line), line.department_name)).lines.append(line)
    wanted = users[chosen].lines if chosen in users else list(lines)
    pages = max(1, -(-len(wanted) // PAGE))
    shown = min(max(page, 1), pages)
    return Folded(
        months=_months(wanted[(shown - 1) * PAGE : shown * PAGE]),
        users=sorted(users.values(), key=lambda one: one.name.zh),
        chosen=chosen if chosen in users else "",
        page=shown,
        pages=pages,
    )


def _months(lines: Sequence[One]) -> list[Month[One]]:
    found: list[Month[One]] = []
    for line in lines:
        local = line.at.astimezone(CHINA)
        name = f"{local:%Y-%m}"
        if not found or found[-1].id != name:
            found.append(Month(name, month_words(local.year, local.month)))
        month = found[-1]
        user = next((one for one in month.users if one.id == user_of(line)), None)
        if user is None:
            user = User(user_of(line), line.department_name)
            month.users.append(user)
        user.lines.append(line)
    return found
