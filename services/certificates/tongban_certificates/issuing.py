"""The worker that makes due certificates: drawn, signed, stored and published in one transaction."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from tongban_catalog import hearing
from tongban_catalog.department import Department
from tongban_catalog.item import Item
from tongban_catalog.shelf import Shelf
from tongban_runtime import alarms, logs, outbox, telemetry
from tongban_runtime.clock import Clock
from tongban_runtime.database import Pool, Tx
from tongban_runtime.health import Heartbeat
from tongban_runtime.keys import KeyRequest, Keyring, KeysRefusedError, Refused
from tongban_runtime.repeating import Repeating
from tongban_runtime.sealing import CaseKeys, SealBrokenError
from tongban_runtime.telemetry import format_traceparent, span
from tongban_schemas.envelope import Event
from tongban_schemas.events.certificates import CertificateIssued
from tongban_schemas.types import ItemRef

from tongban_certificates import delivery, sealing, store
from tongban_certificates.assembly import NoHolderError, UnknownDepartmentError, assemble
from tongban_certificates.document import CertificateRenderer, MissingGlyphError
from tongban_certificates.domain import FACTS, CaseFacts, DueCertificate, gather, judge
from tongban_certificates.registers.register import Registers
from tongban_certificates.revocation import revoked
from tongban_certificates.signing import CertificateSigner
from tongban_certificates.store import CertificateRow, IssuedFile, NotMade

REASON: Final = "签发电子证照 Certificate issued"

_IDLE_SECONDS = 0.1
_FIRST_PAUSE = timedelta(seconds=1)
_LONGEST_PAUSE = timedelta(minutes=10)

HolderHash = Callable[[str, str], bytes]
"""(kind, holder's code) -> what the certificate is found by."""


@dataclass(frozen=True, slots=True)
class Press:
    """Makes one certificate: everything that is needed, loaded once."""

    renderer: CertificateRenderer
    signer: CertificateSigner
    verify_url: str

    def make(
        self,
        row: CertificateRow,
        case: CaseFacts,
        due: DueCertificate,
        item: Item,
        departments: Mapping[str, Department],
        now: datetime,
        keys: CaseKeys,
        holder_hash: HolderHash,
    ) -> IssuedFile:
        """The signed file of a due certificate, sealed. Blocks.

        Raises what `assemble` and `CertificateRenderer.render` raise.
        """
        assembled = assemble(
            case,
            due,
            item,
            departments,
            number=row.number,
            replaces=row.replaces,
            issued_at=now,
            verify_url=self.verify_url,
            open_sealed=keys.open,
        )
        signed = self.signer.sign(self.renderer.render(assembled.content), reason=REASON)
        return IssuedFile(
            number=row.number,
            issued_at=now,
            valid_until=assembled.content.valid_until,
            sha256=signed.sha256,
            holder_shown=assembled.holder_shown,
            holder=None if assembled.holder_code is None else holder_hash(row.kind, assembled.holder_code),
            sealed=keys.seal_bytes(sealing.issued_id(row), sealing.file_field(row.number), signed.pdf),
        )


class IssuingWorker(Repeating):
    """Makes due certificates as they come. Several may run at once: each takes cases that no other holds."""

    def __init__(
        self,
        *,
        pool: Pool,
        clock: Clock,
        shelf: Shelf,
        press: Press,
        keyring: Keyring,
        registers: Registers,
        batch: int,
        parallel: int,
        heartbeat: Heartbeat,
    ) -> None:
        super().__init__(heartbeat)
        self._pool = pool
        self._clock = clock
        self._shelf = shelf
        self._press = press
        self._keyring = keyring
        self._registers = registers
        self._batch = batch
        self._threads = ThreadPoolExecutor(parallel, thread_name_prefix="issuing")

    async def run(self) -> None:
        try:
            await self.repeat(self.issue_due, _IDLE_SECONDS)
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def issue_due(self) -> int:
        """Handles one batch of due certificates in one transaction; returns how many were taken.

        The keys are asked for before, while nothing is locked; a case that needs others by then is left for the next batch.
        Raises `VaultUnavailableError`.
        """
        now = self._clock.now()
        waiting = await store.due(self._pool, now, self._batch)
        if not waiting:
            return 0
        asked = await self._to_make(self._pool, waiting)
        wanted = [one for _, one in asked.values()]
        keys = dict(zip(asked, await self._keyring.release(wanted), strict=True))
        async with self._pool.acquire() as tx, tx.transaction():
            taken = await store.take_due(tx, list(asked), now)
            if not taken:
                return 0
            items = await self._shelf.items(tx, (row.item for row in taken))
            departments = await self._shelf.departments(tx)
            await delivery.watch(tx, self._shelf, taken, items, departments, now)
            needed = await self._to_make(tx, taken)
            rows = [row for row in taken if needed[row.number][1] == asked[row.number][1]]
            made = await asyncio.gather(
                *(
                    self._make(row, needed[row.number][0], items[row.item], departments, now, keys[row.number])
                    for row in rows
                )
            )
            issued = [
                (row, file, trace)
                for row, (file, trace) in zip(rows, made, strict=True)
                if not isinstance(file, NotMade)
            ]
            await self._issue(tx, issued, items, now)
            for row, (why, _) in zip(rows, made, strict=True):
                if isinstance(why, NotMade):
                    await self._postpone(tx, row, why, now)
            telemetry.gauge("tongban.certificates.stuck", await store.count_stuck(tx))
        for row, _, _ in issued:
            logs.info("certificate.issued", number=row.number, subject=str(row.application))
        return len(taken)

    async def _to_make(
        self, tx: Tx | Pool, rows: Sequence[CertificateRow]
    ) -> dict[str, tuple[CaseFacts | None, KeyRequest]]:
        """What is known of the case of each certificate, by number, and the keys that are needed to make it."""
        known = await hearing.recall(tx, self._shelf, (row.application for row in rows), FACTS)
        items = await self._shelf.items(tx, (row.item for row in rows))
        cases = [(row, gather(known[str(row.application)])) for row in rows]
        return {row.number: (case, sealing.to_make(row, case, items[row.item])) for row, case in cases}

    async def _issue(
        self,
        tx: Tx,
        issued: Sequence[tuple[CertificateRow, IssuedFile, str | None]],
        items: Mapping[ItemRef, Item],
        now: datetime,
    ) -> None:
        """Stores and publishes files, and revokes the certificates of other cases that they replace."""
        if not issued:
            return
        earlier = await store.certificates(tx, [row.replaces for row, _, _ in issued if row.replaces is not None])
        events: list[Event] = []
        replaced: list[str] = []
        for row, file, trace in issued:
            event = self._event(row, file, trace)
            events.append(event)
            before = None if row.replaces is None else earlier.get(row.replaces)
            if before is not None and before.state == "issued" and _same_kind(before, row):
                replaced.append(before.number)
                events.append(revoked(before, "replaced", event.id, now, trace))
        async with self._registers.certificates_changing(tx, {*earlier, *(row.number for row, _, _ in issued)}, now):
            await store.mark_issued(tx, [file for _, file, _ in issued])
            if replaced:
                await store.revoke(tx, replaced, "replaced", now)
        await outbox.publish(tx, events)
        timed = [row.application for row, _, _ in issued if items[row.item].delivery is not None]
        if timed:
            await alarms.save(tx, dict.fromkeys(timed, (None, False)))

    async def _make(
        self,
        row: CertificateRow,
        case: CaseFacts | None,
        item: Item,
        departments: Mapping[str, Department],
        now: datetime,
        keys: CaseKeys | Refused,
    ) -> tuple[IssuedFile | NotMade, str | None]:
        with span("issue", row.traceparent, **{"tongban.subject": str(row.application)}) as current:
            try:
                if isinstance(keys, Refused):
                    raise KeysRefusedError(keys.rule)
                due = None if case is None else judge(case, item).due
                assert case is not None
                assert due is not None, "the handler cancels a certificate whose facts no longer earn it"
                holder_hash = self._registers.certificate_holder
                work = partial(self._press.make, row, case, due, item, departments, now, keys, holder_hash)
                file = await asyncio.get_running_loop().run_in_executor(self._threads, work)
            except Exception as error:  # noqa: BLE001 - whatever keeps one certificate from being made, it stays due
                why = _why(error)
                logs.warning("certificate.failed", error=error, number=row.number, reason=why.failure)
                return why, None
            return file, format_traceparent(current) or row.traceparent

    async def _postpone(self, tx: Tx, row: CertificateRow, why: NotMade, now: datetime) -> None:
        pause = min(_FIRST_PAUSE * 2 ** min(row.attempts, 20), _LONGEST_PAUSE)
        await store.postpone(tx, row.number, why, now + pause)

    def _event(self, row: CertificateRow, file: IssuedFile, traceparent: str | None) -> Event:
        subject = str(row.application)
        return Event(
            id=sealing.issued_id(row),
            source=f"/certificates/{row.issuer}",
            subject=subject,
            time=file.issued_at,
            correlationid=row.correlation_id,
            causationid=row.causation_id,
            traceparent=traceparent,
            data=CertificateIssued(
                item=row.item,
                kind=row.kind,
                number=row.number,
                issuer=row.issuer,
                pdf_sha256=file.sha256,
                verification=f"{self._press.verify_url}/verify/{row.number}",
                replaces=row.replaces,
                valid_until=file.valid_until,
            ),
        )


def _why(error: Exception) -> NotMade:
    match error:
        case MissingGlyphError():
            return NotMade("missing_glyph", error.code_points)
        case UnknownDepartmentError():
            return NotMade("unknown_department", (error.department,))
        case NoHolderError():
            return NotMade("no_holder", (error.about,))
        case KeysRefusedError():
            return NotMade("keys_refused", (error.rule,))
        case SealBrokenError():
            return NotMade("seal_broken", (type(error).__name__,))
        case _:
            return NotMade("not_made", (type(error).__name__,))


def _same_kind(before: CertificateRow, row: CertificateRow) -> bool:
    return (before.kind, before.issuer, before.applicant) == (row.kind, row.issuer, row.applicant)
