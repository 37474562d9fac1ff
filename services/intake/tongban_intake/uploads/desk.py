"""What becomes of a file that an applicant brings: checked, scanned, made anew, sealed, kept, and then said.

Everything slow is done before the case is locked. What is kept for nothing, because the case moved on meanwhile, is deleted.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tongban_catalog.proofs import Proof, proofs
from tongban_runtime import facts
from tongban_runtime.database import Pool, Tx
from tongban_runtime.problems import Problem
from tongban_runtime.sealing import CaseKeys
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events import evidence
from tongban_schemas.events.evidence import EvidenceUploaded, upload_field

from tongban_intake import domain
from tongban_intake.evidence.replacing import MOST, may_replace, uploads
from tongban_intake.uploads import check, rows
from tongban_intake.uploads.check import Checked, Converter
from tongban_intake.uploads.rows import KeptFile
from tongban_intake.uploads.rules import FileRefusedError
from tongban_intake.uploads.scan import Scanner, ScannerSilentError
from tongban_intake.uploads.store import Files, FilesUnavailableError

_SETTLED_AFTER: Final = timedelta(days=1)
_LATER: Final = timedelta(microseconds=1)
_MODELS: Final[Mapping[str, type[EventData]]] = {
    **domain.MODELS,
    **{model.TYPE: model for model in evidence.EVENTS},
}


@dataclass(frozen=True, slots=True)
class Uploads:
    """Built once by the app: the store of files, the scanner, the converter."""

    files: Files
    scanner: Scanner
    converter: Converter

    @classmethod
    def build(cls, files: str | None, scanner: str | None) -> "Uploads":
        """``files``: address of the store; ``scanner``: host:port of clamd."""
        return cls(Files(files), Scanner(scanner), Converter())

    async def examine(self, content: bytes, name: str | None = None) -> Checked:
        """The file as it may be kept. ``name``: what the client calls it. Raises `Problem`; nothing is kept."""
        check.check_name(name)
        check.sniff(content)
        try:
            await self.scanner.scan(content)
        except FileRefusedError as error:
            raise check.refused(error.rule) from None
        except ScannerSilentError as error:
            raise Problem(
                503,
                "scanner-silent",
                "文件检查服务暂时没有应答，文件没有保存，请稍后再试。",
                "Files cannot be scanned just now; nothing was kept. Try again later.",
            ) from error
        return await self.converter.convert(content)

    async def keep(self, keys: CaseKeys, upload: "Upload", checked: Checked) -> KeptFile:
        """Seals the file and puts it into the store. Raises `Problem` 503."""
        sealed = keys.seal_bytes(upload.id, upload_field(upload.material), checked.content)
        try:
            name = await self.files.put(sealed)
        except FilesUnavailableError as error:
            raise no_store() from error
        return KeptFile(upload.id, upload.case, upload.material, name, digest(checked), checked.media)

    async def sweep(self, pool: Pool, now: datetime) -> int:
        """Deletes objects older than a day that no proof lies in: what a process left that died at the wrong moment.

        How many they were. Raises `FilesUnavailableError`.
        """
        swept = 0
        async for some in self.files.older_than(now - _SETTLED_AFTER):
            left = await rows.unknown(pool, some)
            await self.files.delete(left)
            swept += len(left)
        return swept

    async def open(self, keys: CaseKeys, file: KeptFile) -> bytes:
        """The file. Raises `Problem` 503, `SealBrokenError`."""
        try:
            sealed = await self.files.get(file.name)
        except FilesUnavailableError as error:
            raise no_store() from error
        return keys.open_bytes(upload_field(file.material), sealed)


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload that is allowed: the event after which it is, and the one whose file it replaces, if any."""

    case: UUID
    material: str
    because: Event
    before: Event | None = None

    @property
    def id(self) -> UUID:
        """The id that its event will have: one for each failure, and one for each file that is replaced."""
        return event_id(EvidenceUploaded.TYPE, str(self.case), *self._names)

    @property
    def _names(self) -> tuple[str, ...]:
        replaced = () if self.before is None else (str(self.before.id),)
        return self.material, str(self.because.id), *replaced

    def said(self, checked: Checked, at: datetime, traceparent: str | None, *, promise: bool) -> Event:
        """The fact that the file was brought: later than the one that it replaces, whatever the clocks of two machines say."""
        if self.before is not None:
            at = max(at, self.before.time + _LATER)
        data = EvidenceUploaded(
            material=self.material,
            because=self.because.id,
            sha256=digest(checked).hex(),
            media_type=checked.media,
            size=len(checked.content),
            pages=checked.pages,
            grade="D" if promise else "C",
            promise=promise,
        )
        cause = replace(self.because, traceparent=traceparent)
        return facts.derive(cause, data, *self._names, source=domain.SOURCE, time=at)


def digest(checked: Checked) -> bytes:
    """SHA-256 of a file as it was converted."""
    return hashlib.sha256(checked.content).digest()


async def recall(tx: Tx | Pool, case: UUID) -> tuple[Event, ...]:
    """What intake knows of a case, with its proofs."""
    return (await facts.recall(tx, [case], _MODELS)).get(str(case), ())


def allowed(case: UUID, material: str, known: tuple[Event, ...]) -> Upload:
    """The upload that the facts allow: after a failure, and in place of a file that nobody has checked or decided on.

    Raises `Problem` 409.
    """
    proof = proofs(known).get(material)
    if proof is None or not (proof.upload_allowed or may_replace(proof, known)):
        raise _not_allowed(proof, known)
    by_id = {str(fact.id): fact for fact in known}
    if proof.upload_allowed:
        return Upload(case, material, by_id[str(proof.because)])
    before = by_id[str(proof.uploaded)]
    assert isinstance(before.data, EvidenceUploaded)
    return Upload(case, material, by_id[str(before.data.because)], before)


def no_store() -> Problem:
    return Problem(
        503,
        "file-store-unavailable",
        "文件存储服务暂时不可用，文件没有保存，请稍后再试。",
        "Files cannot be kept or read just now: try again later.",
    )


def _not_allowed(proof: Proof | None, known: tuple[Event, ...]) -> Problem:
    state = "not-asked" if proof is None else proof.state
    if proof is not None and state == "uploaded":
        if uploads(known, proof.material) >= MOST:
            return Problem(
                409,
                "uploads-over",
                f"这份材料已经上传 {MOST} 次，不能再更换，请带原件请工作人员核对。",
                f"This proof was brought {MOST} times and cannot be replaced any more: show an officer the original.",
            )
        return Problem(
            409,
            "already-uploaded",
            "这份材料已经由工作人员核对，或者已据以作出决定，不能再更换。",
            "An officer has compared this proof with the original or decided on it: it cannot be replaced any more.",
        )
    zh, en = _FETCH_FIRST.get(state, _FETCH_FIRST["waiting"])
    return Problem(
        409,
        "fetch-first",
        f"{zh}只有调取失败后才需要上传。",
        f"{en} A file is asked for only after the fetch has failed.",
        state=state,
    )


_FETCH_FIRST: Final[Mapping[str, tuple[str, str]]] = {
    "not-asked": (
        "这份材料还没有向部门调取，请先同意调取。",
        "Nobody was asked for this proof yet: agree to have it fetched.",
    ),
    "waiting": (
        "正在向有关部门调取这份材料，您无需操作。",
        "This proof is being fetched; there is nothing you need to do.",
    ),
    "provided": (
        "有关部门已经提供了这份材料；如有错误，请提出异议。",
        "The source has provided this proof; if it is wrong, dispute it.",
    ),
    "substituted": ("按照规定不需要这份材料。", "By the rules this proof is not needed."),
}
