"""Formal acts of departments: what they say, signed by the department (Administrative Licensing Law art. 32, 38, 42, 45)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from tongban_catalog.acting import ordinal
from tongban_catalog.department import Department
from tongban_catalog.item import Basis, Item
from tongban_runtime.acts import ActSigner, digest
from tongban_schemas.types import Act, ActKind, JsonObject


@dataclass(frozen=True, slots=True)
class Papers:
    """What signing the acts of one case takes. ``number``: the case number, once there is one."""

    signer: ActSigner
    bodies: Mapping[str, Department]
    item: Item
    subject: str
    number: str | None

    def act(
        self,
        kind: ActKind,
        department: str,
        step: str | None,
        count: int,
        at: datetime,
        *,
        sealed: Iterable[str] = (),
        **said: object,
    ) -> Act:
        """The act of a department about a step, or about the whole case. ``count``: from 1, among the step's acts of this kind.

        ``sealed``: texts of which only the digest is signed; ``said``: what else the content says.
        Raises `ActKeyMissingError`.
        """
        content: JsonObject = {"item": f"{self.item.code}:{self.item.version}", **said}
        if step is not None:
            content |= {"step": step, "basis": [basis_text(one) for one in self.item.step(step).basis]}
        if texts := [digest(text) for text in sealed]:
            content["texts"] = texts
        return self.signer.sign(
            department,
            self.bodies[department].uscc,
            kind,
            case_number=self.number,
            subject=self.subject,
            at=at,
            ordinal=ordinal(self.item, step, count),
            content=content,
        )


def basis_text(basis: Basis) -> str:
    """One line: the law and its article, or what the local habit says."""
    return basis.says.zh if basis.law is None else f"{basis.law.zh}第{basis.article}条：{basis.says.zh}"
