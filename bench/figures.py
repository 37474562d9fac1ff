"""What a bench says, and the bar that it must pass."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. ``bar`` is the least (or, with ``most``, the greatest) value that passes; None: told only."""

    name: str
    value: float
    unit: str
    bar: float | None = None
    most: bool = False

    @property
    def passes(self) -> bool:
        if self.bar is None:
            return True
        return self.value <= self.bar if self.most else self.value >= self.bar

    def __str__(self) -> str:
        told = f"{self.name:<58} {self.value:>12,.2f} {self.unit}"
        if self.bar is None:
            return told
        sign = "<=" if self.most else ">="
        return f"{told}   {'ok' if self.passes else 'BELOW THE BAR'} ({sign} {self.bar:g})"
