"""Is this PDF a certificate of ours, and unchanged? Checked offline against the issuing bodies' CA."""

import asyncio
import hashlib
import io
import logging
from dataclasses import dataclass
from typing import Final, Literal

from asn1crypto import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from tongban_certificates.document import Bilingual

Outcome = Literal[
    "valid", "revoked", "expired", "not_registered", "altered", "unknown_signer", "not_signed", "unreadable"
]
"""Three are for those who know the register, and the signature holds: ``revoked`` and ``expired``, the certificate no longer
stands; ``not_registered``, no issued file has exactly these bytes.

A signature covers the document and not its own container, so a byte of that can change without breaking it."""

MESSAGES: Final[dict[Outcome, Bilingual]] = {
    "valid": Bilingual(
        "有效：本文件由本平台的签发机关数字签名，签发后未被改动。",
        "Valid: signed by an issuing body of this platform, and unchanged since.",
    ),
    "revoked": Bilingual(
        "已失效：文件确由本平台的签发机关签发，但证照已不再有效，请勿采信。",
        "No longer valid: the file was issued by an issuing body of this platform, but the certificate was revoked. "
        "Do not rely on it.",
    ),
    "expired": Bilingual(
        "已过期：文件确由本平台的签发机关签发，但有效期已过。",
        "Expired: the file was issued by an issuing body of this platform, but its time of validity is over.",
    ),
    "not_registered": Bilingual(
        "无法确认：数字签名有效，但登记簿中没有与本文件逐字节相同的证照。请向持证人索取原始文件。",
        "Not confirmed: the signature holds, but the register has no certificate with exactly these bytes. "
        "Ask the holder for the original.",
    ),
    "altered": Bilingual(
        "无效：文件在签名后被改动，请勿采信。",
        "Not valid: the file was changed after it was signed. Do not rely on it.",
    ),
    "unknown_signer": Bilingual(
        "无法确认：文件有数字签名，但签名人不是本平台的签发机关。",
        "Not confirmed: the file is signed, but not by an issuing body of this platform.",
    ),
    "not_signed": Bilingual(
        "无法确认：文件没有数字签名。打印、扫描或另存会丢失签名，请上传原始文件。",
        "Not confirmed: the file has no digital signature. Printing, scanning or re-saving loses it: upload the original.",
    ),
    "unreadable": Bilingual(
        "无法读取：这不是完整的 PDF 文件，请上传原始文件。",
        "Not readable: this is no complete PDF file. Upload the original.",
    ),
}


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check found. ``sha256`` is the whole file's, in lower-case hexadecimal, to find the certificate by."""

    outcome: Outcome
    sha256: str


class CertificateVerifier:
    """Checks uploaded files against one CA certificate. Fetches nothing."""

    def __init__(self, trust_anchor: x509.Certificate) -> None:
        self._trust_anchor = trust_anchor
        # pyHanko logs what it read from the file when a check fails: names of people, into our logs.
        logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
        logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL)

    def verify(self, pdf: bytes) -> Verification:
        """Never raises for any content. Blocks; coroutines must use `verify_async`.

        Raises `RuntimeError` when called on a thread whose event loop runs: pyHanko starts one of its own.
        """
        if _in_event_loop():
            raise RuntimeError("call verify_async from a coroutine")
        return Verification(self._outcome(pdf), hashlib.sha256(pdf).hexdigest())

    async def verify_async(self, pdf: bytes) -> Verification:
        """`verify` in a worker thread."""
        return await asyncio.to_thread(self.verify, pdf)

    def _outcome(self, pdf: bytes) -> Outcome:
        # An uploaded file may make the parsers below raise anything at all (KeyError, RecursionError, UnicodeError ...).
        try:
            signatures = PdfFileReader(io.BytesIO(pdf)).embedded_regular_signatures
        except Exception:  # noqa: BLE001 - see above
            return "unreadable"
        if not signatures:
            return "not_signed"
        try:
            context = ValidationContext(trust_roots=[self._trust_anchor], allow_fetching=False)
            status = validate_pdf_signature(signatures[0], context, skip_diff=True)
        except Exception:  # noqa: BLE001 - see above
            return "altered"
        if not (status.intact and status.valid and status.coverage == SignatureCoverageLevel.ENTIRE_FILE):
            return "altered"
        return "valid" if status.trusted else "unknown_signer"


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
