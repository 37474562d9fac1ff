"""The HTTP interface: certificates for their holders and officers, verification for anyone."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import BaseModel
from tongban_catalog.shelf import Shelf
from tongban_runtime.auth import Caller, note_refusal, public, signed_in
from tongban_runtime.clock import Clock
from tongban_runtime.database import Pool, Tx
from tongban_runtime.front import App
from tongban_runtime.keys import Attempt, Keyring, KeysRefusedError, keys_for
from tongban_runtime.presence import while_connected
from tongban_runtime.problems import Problem
from tongban_runtime.service import new_app

from tongban_certificates import identifier, pages, sealing, store
from tongban_certificates.domain import CHINA
from tongban_certificates.store import CertificateRow
from tongban_certificates.upload import file_of
from tongban_certificates.verification import MESSAGES, CertificateVerifier, Outcome

MAX_UPLOAD_BYTES = pages.MAX_UPLOAD_MIB * 1024 * 1024

_TONES: Mapping[Outcome, Literal["good", "bad", "doubt"]] = {
    "valid": "good",
    "revoked": "bad",
    "expired": "doubt",
    "not_registered": "doubt",
    "altered": "bad",
    "unknown_signer": "doubt",
    "not_signed": "doubt",
    "unreadable": "doubt",
}

_REVOKED: Mapping[store.RevokedFor, tuple[str, str]] = {
    "annulled": (
        "证照已于 {day} 失效：所依据的决定已被撤销，请勿采信。",
        "The certificate was revoked on {day}: a decision that it rests on was annulled. Do not rely on it.",
    ),
    "replaced": (
        "证照已于 {day} 失效：已由新证照取代。",
        "The certificate was revoked on {day}: a new one has replaced it.",
    ),
}

PublicState = Literal["valid", "expired", "revoked"]

router = APIRouter()
_look_up = public.within("look-up", "look-ups")
"""Numbers of certificates cannot be counted through."""


class Name(BaseModel):
    """A name in both languages."""

    zh: str
    en: str


class Certificate(BaseModel):
    """A certificate as its holder and the officers of the bodies concerned see it."""

    number: str
    application: str
    kind: str
    title: Name
    issuer: Name
    state: store.State
    issued_at: datetime | None
    valid_until: date | None
    replaces: str | None
    revoked_at: datetime | None
    revoked_for: store.RevokedFor | None
    pdf_sha256: str | None


class PublicCertificate(BaseModel):
    """A certificate that was issued, as anyone may see it. A person's name is masked.

    ``revoked_for``: a decision under it was annulled, or another certificate replaced it (``replaced_by``, once it is issued).
    """

    number: str
    state: PublicState
    title: Name
    holder: str
    issuer: Name
    issued_at: datetime
    valid_until: date | None
    replaces: str | None
    revoked_at: datetime | None
    revoked_for: store.RevokedFor | None
    replaced_by: str | None
    pdf_sha256: str


class Check(BaseModel):
    """What the check of a file found; ``certificate`` is the register's entry for exactly this file."""

    outcome: Outcome
    message_zh: str
    message_en: str
    certificate: PublicCertificate | None


@dataclass(slots=True)
class Desk:
    """What the routes need."""

    pool: Pool
    shelf: Shelf
    clock: Clock
    verifier: CertificateVerifier
    keyring: Keyring


def make_app(
    pool: Pool, shelf: Shelf, clock: Clock, verifier: CertificateVerifier, keyring: Keyring, *more: APIRouter
) -> App:
    """The app; ``more`` are the routes of the registers and of what is shared from them."""
    app = new_app(
        "通办 电子证照 Tongban certificates",
        "签发、出示、核验；登记与共享。Issue, show, verify; registers and sharing.",
    )
    app.state.desk = Desk(pool, shelf, clock, verifier, keyring)
    app.include_router(router)
    for routes in more:
        app.include_router(routes)
    return app


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _unknown() -> Problem:
    return Problem(
        404,
        "no-such-certificate",
        "没有这份证照，或您无权查看；请核对编号。",
        "There is no such certificate, or it is not yours to see: check the number.",
    )


@router.get("/v1/certificates/{number}", tags=["certificates"])
async def certificate(request: Request, number: str, caller: Annotated[Caller, Depends(signed_in)]) -> Certificate:
    """A certificate, for its holder and for officers of the issuing and the deciding departments."""
    desk = _desk(request)
    async with desk.pool.acquire() as connection:
        row = await _find(connection, number)
        names = None if row is None or not _may_see(caller, row) else await _names(connection, desk.shelf, row)
    if row is None or names is None:
        await _turn_away(request, caller, row)
        raise _unknown()
    title, issuer = names
    return Certificate(
        number=row.number,
        application=str(row.application),
        kind=row.kind,
        title=title,
        issuer=issuer,
        state=row.state,
        issued_at=row.issued_at,
        valid_until=row.valid_until,
        replaces=row.replaces,
        revoked_at=row.revoked_at,
        revoked_for=row.revoked_for,
        pdf_sha256=row.sha256,
    )


@router.get("/v1/certificates/{number}/pdf", tags=["certificates"], response_class=Response)
async def pdf(request: Request, number: str, caller: Annotated[Caller, Depends(signed_in)]) -> Response:
    """The signed PDF, for its holder; each download is on record, and whoever else asks for it.

    403 for officers. 409 when the certificate was revoked: it is no longer shown. 410 when the case was erased.
    """
    desk = _desk(request)
    async with desk.pool.acquire() as connection:
        row = await _find(connection, number)
        sealed = None if row is None or row.applicant != caller.id else await store.file_of(connection, row.number)
    if row is None or row.applicant != caller.id or caller.role != "citizen":
        await _turn_away(request, caller, row)
        raise _unknown() if caller.role == "citizen" else _holders_alone()
    if row.issued_at is None:
        raise _unknown()
    if row.state == "revoked":
        raise Problem(
            409,
            "certificate-revoked",
            "这份证照已失效，不能下载；如有新证，请下载新证。",
            "This certificate was revoked and cannot be downloaded: use the one that follows it, if there is one.",
        )
    if sealed is None:
        raise KeysRefusedError("erased")
    keys = await keys_for(desk.keyring, sealing.to_deliver(row, caller.id))
    content = keys.open_bytes(sealing.file_field(row.number), sealed)
    headers = {"Content-Disposition": f'attachment; filename="{row.number}.pdf"', "Cache-Control": "private, no-store"}
    return Response(content, media_type="application/pdf", headers=headers)


@router.get("/", dependencies=[Depends(public)], include_in_schema=False)
async def home() -> RedirectResponse:
    return RedirectResponse("/verify")


@router.get("/verify.css", dependencies=[Depends(public)], include_in_schema=False)
async def stylesheet() -> Response:
    return Response(pages.stylesheet(), media_type="text/css", headers={"Cache-Control": "max-age=3600"})


@router.get("/verify", dependencies=[Depends(public)], tags=["verification"], response_class=HTMLResponse)
async def verify_form(number: str | None = None) -> Response:
    """The page where anyone looks up a number or checks a file."""
    if number is not None:
        return RedirectResponse(f"/verify/{_path_segment(number)}", 303)
    return _page("电子证照核验", "Verify a certificate")


@router.get(
    "/verify/{number}", dependencies=[Depends(_look_up)], tags=["verification"], response_model=PublicCertificate
)
async def verify_number(request: Request, number: str) -> Response:
    """The register's entry for a number: a page, or JSON for clients that accept it before HTML."""
    desk = _desk(request)
    async with desk.pool.acquire() as connection:
        row = await _find(connection, number)
        found = None if row is None else await _public(connection, desk, row)
    if _wants_json(request):
        if found is None:
            raise _unknown()
        return JSONResponse(found.model_dump(mode="json"))
    if found is None:
        result = {
            "tone": "bad",
            "zh": "登记簿中没有这个编号的有效证照，请核对编号。",
            "en": "The register holds no valid certificate with this number: check the number.",
        }
        return _page("未查到证照", "No certificate found", 404, result=result)
    return _page("证照核验结果", "Verification result", result=_standing(found), certificate=found)


@router.post("/verify", dependencies=[Depends(_look_up)], tags=["verification"], response_model=Check)
async def verify_file(request: Request) -> Response:
    """Checks an uploaded PDF (multipart field ``file``, 5 MiB at most): a page, or JSON for clients that accept it first."""
    desk = _desk(request)
    content = await file_of(request, MAX_UPLOAD_BYTES, _too_large(), _no_file())
    outcome: Outcome
    async with desk.pool.acquire() as connection:
        row = await store.certificate_by_sha256(connection, hashlib.sha256(content).hexdigest())
        found = None if row is None else await _public(connection, desk, row)
    if found is not None:
        outcome = found.state
    else:
        # Only what is no certificate that was issued here has to be opened.
        outcome = await while_connected(request, desk.verifier.verify(content))
        outcome = "not_registered" if outcome == "valid" else outcome
    message = MESSAGES[outcome]
    if _wants_json(request):
        body = Check(outcome=outcome, message_zh=message.zh, message_en=message.en, certificate=found)
        return JSONResponse(body.model_dump(mode="json"))
    result = {"tone": _TONES[outcome], "zh": message.zh, "en": message.en}
    return _page("文件核验结果", "Result of the check", result=result, certificate=found)


def _page(zh: str, en: str, status: int = 200, **context: object) -> HTMLResponse:
    html = pages.render(
        "verify.html", **{"title_zh": zh, "title_en": en, "result": None, "certificate": None, **context}
    )
    return HTMLResponse(html, status, headers=pages.HEADERS)


def _path_segment(number: str) -> str:
    return "".join(character for character in number if character.isalnum() or character == ".") or "-"


def _wants_json(request: Request) -> bool:
    accepted = [part.split(";")[0].strip() for part in request.headers.get("accept", "").split(",")]
    for kind in accepted:
        if kind in ("application/json", "text/html"):
            return kind == "application/json"
    return False


def _may_see(caller: Caller, row: CertificateRow) -> bool:
    if caller.role == "citizen":
        return caller.id == row.applicant
    return caller.role == "officer" and bool(caller.departments & (row.departments | {row.issuer}))


async def _turn_away(request: Request, caller: Caller, row: CertificateRow | None) -> None:
    """Puts on record that somebody asked for another person's certificate. Raises `VaultUnavailableError`."""
    if row is None:
        note_refusal(request, _unknown())
        return
    stranger = caller.role == "officer" and not caller.departments & (row.departments | {row.issuer})
    attempt = Attempt(
        row.application,
        "deliver",
        "not-your-case" if stranger else "not-the-applicant",
        department=min(caller.departments, default=None),
        officer=None if caller.role == "citizen" else caller.id,
    )
    await _desk(request).keyring.turned_away([attempt])


def _holders_alone() -> Problem:
    return Problem(
        403,
        "not-permitted",
        "证照文件只能由持有人本人下载。",
        "The file of a certificate is for its holder alone.",
    )


async def _find(tx: Tx, number: str) -> CertificateRow | None:
    try:
        return await store.certificate_by_number(tx, str(identifier.parse(number)))
    except identifier.InvalidIdentifierError:
        return None


async def _names(tx: Tx, shelf: Shelf, row: CertificateRow) -> tuple[Name, Name]:
    item = (await shelf.items(tx, [row.item]))[row.item]
    issuer = (await shelf.departments(tx))[row.issuer]
    title = item.certificate.name
    return Name(zh=title.zh, en=title.en), Name(zh=issuer.name_zh, en=issuer.name_en)


async def _public(tx: Tx, desk: Desk, row: CertificateRow) -> PublicCertificate | None:
    if row.issued_at is None or row.sha256 is None or row.holder_shown is None:
        return None
    title, issuer = await _names(tx, desk.shelf, row)
    today = desk.clock.now().astimezone(CHINA).date()
    expired = row.valid_until is not None and row.valid_until < today
    return PublicCertificate(
        number=row.number,
        state="revoked" if row.state == "revoked" else "expired" if expired else "valid",
        title=title,
        holder=row.holder_shown,
        issuer=issuer,
        issued_at=row.issued_at,
        valid_until=row.valid_until,
        replaces=row.replaces,
        revoked_at=row.revoked_at,
        revoked_for=row.revoked_for,
        replaced_by=await store.successor_of(tx, row.number) if row.state == "revoked" else None,
        pdf_sha256=row.sha256,
    )


def _standing(found: PublicCertificate) -> dict[str, str]:
    """What the page says about a certificate of the register: its tone, and the words in both languages."""
    if found.revoked_at is not None:
        day = pages.china_date(found.revoked_at)
        zh, en = _REVOKED[found.revoked_for or "annulled"]
        return {"tone": "bad", "zh": zh.format(day=day), "en": en.format(day=day)}
    if found.state == "expired":
        return {
            "tone": "doubt",
            "zh": f"证照已过有效期（有效期至 {found.valid_until}）。",
            "en": f"The certificate has expired: it was valid until {found.valid_until}.",
        }
    return {
        "tone": "good",
        "zh": "证照有效。请核对以下内容与您收到的文件一致。",
        "en": "The certificate is valid. Compare what follows with the document you were given.",
    }


def _too_large() -> Problem:
    return Problem(
        413,
        "file-too-large",
        f"文件超过 {pages.MAX_UPLOAD_MIB} MiB，请上传原始证照文件。",
        f"The file is larger than {pages.MAX_UPLOAD_MIB} MiB: upload the original certificate.",
    )


def _no_file() -> Problem:
    return Problem(
        422, "no-file", "请选择要核验的 PDF 文件。", "Choose the PDF file to check, in the form field 'file'."
    )
