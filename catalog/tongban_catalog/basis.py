"""On what things rest: an article of a law or a local habit, and the grounds of decisions. Pure values."""

from dataclasses import dataclass

from tongban_catalog.form import Text


@dataclass(frozen=True, slots=True)
class Basis:
    """Why a thing is so: an article of a law, or a local habit that has no law text (``law`` is then None)."""

    law: Text | None
    article: str
    says: Text

    @property
    def is_local_habit(self) -> bool:
        return self.law is None


@dataclass(frozen=True, slots=True)
class Ground:
    """Why something may be refused or taken back: a code, in words, and on what basis."""

    id: str
    name: Text
    basis: tuple[Basis, ...]
