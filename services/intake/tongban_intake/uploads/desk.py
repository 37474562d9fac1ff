"""What becomes of a file that an applicant brings: checked, scanned, made anew, sealed, kept, and then said.

Everything slow is done before the case is locked. What is kept for nothing, because the case moved on meanwhile, is deleted.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tongban_catalog.proofs import Proof
from tongban_runtime.database import Pool
from tongban_runtime.problems import Problem
from tongban_runtime.sealing import CaseKeys
from tongban_schemas.envelope import Event, event_id
from tongban_schemas.events.evidence import EvidenceUploaded, upload_field

from tongban_intake.domain import filing
from tongban_intake.evidence.bringing import MOST, Call, uploads
from tongban_intake.evidence.picture import Picture
from tongban_intake.uploads import check, rows
from tongban_intake.uploads.check import Checked, Converter
from tongban_intake.uploads.rows import KeptFile
from tongban_intake.uploads.rules import FileRefusedError
from tongban_intake.uploads.scan import Scanner, ScannerSilentError
from tongban_intake.uploads.store import Files, FilesUnavailableError

_SETTLED_AFTER: Final = timedelta(days=1)
_LATER: Final = timedelta(microseconds=1)


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

    async def examine(self, content: bytes) -> Checked:
        """The file as it may be kept. Raises `Problem`; nothing is kept."""
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
    """An upload that is allowed, and what calls for it. ``own``: the applicant makes the document, nobody else issues it."""

    case: UUID
    material: str
    call: Call
    own: bool = False

    @property
    def id(self) -> UUID:
        """The id that its event will have: one for each call, and one for each file that is replaced."""
        return event_id(EvidenceUploaded.TYPE, str(self.case), *self._names)

    @property
    def _names(self) -> tuple[str, ...]:
        replaced = () if self.call.before is None else (str(self.call.before.id),)
        return self.material, str(self.call.because), *replaced

    def said(self, checked: Checked, at: datetime, traceparent: str | None, *, promise: bool) -> Event:
        """The fact that the file was brought: later than the one that it replaces, whatever the clocks of two machines say."""
        call = self.call
        if call.before is not None:
            at = max(at, call.before.time + _LATER)
        data = EvidenceUploaded(
            material=self.material,
            because=call.because,
            reason=call.reason,
            sha256=digest(checked).hex(),
            media_type=checked.media,
            size=len(checked.content),
            pages=checked.pages,
            grade="D" if promise or self.own else "C",
            promise=promise or self.own,
        )
        cause = None if call.because == self.case else call.because
        return filing.say(self.case, data, *self._names, time=at, traceparent=traceparent, cause=cause)


def digest(checked: Checked) -> bytes:
    """SHA-256 of a file as it was converted."""
    return hashlib.sha256(checked.content).digest()


def allowed(seen: Picture, material: str) -> Upload:
    """The upload that a case allows; see `tongban_intake.evidence.bringing`. Raises `Problem` 409."""
    call = seen.call_for(material)
    if call is None:
        raise _not_allowed(seen, material)
    known = seen.item.material(material)
    return Upload(seen.case, material, call, own=known is not None and known.own)


def no_store() -> Problem:
    return Problem(
        503,
        "file-store-unavailable",
        "文件存储服务暂时不可用，文件没有保存，请稍后再试。",
        "Files cannot be kept or read just now: try again later.",
    )


def _not_allowed(seen: Picture, material: str) -> Problem:
    proof: Proof | None = seen.proofs.get(material)
    if proof is not None and proof.state == "uploaded":
        if uploads(seen.facts, material) >= MOST:
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
    if proof is None:
        return _not_called_for(seen, material)
    zh, en = _FETCH_FIRST.get(proof.state, _FETCH_FIRST["waiting"])
    return Problem(
        409,
        "fetch-first",
        f"{zh}只有调取失败后才需要上传。",
        f"{en} A file is asked for only after the fetch has failed.",
        state=proof.state,
    )


def _not_called_for(seen: Picture, material: str) -> Problem:
    if seen.item.material(material) is None:
        return Problem(
            409,
            "no-such-material",
            "本事项没有这项材料，请核对名称。",
            "The item has no such material: check its name.",
        )
    return Problem(
        409,
        "not-asked-for",
        "现在不需要您提交这份材料：它由有关部门提供，或者受理后没有人要求补交。需要时会通知您。",
        "Nobody asks you for this material now: its source gives it, or nothing was asked for after you applied. "
        "You will be told when it is needed.",
    )


_FETCH_FIRST: Final[Mapping[str, tuple[str, str]]] = {
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
