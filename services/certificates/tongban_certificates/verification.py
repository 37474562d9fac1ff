"""Is this PDF a certificate issued here, and unchanged? Checked offline against the issuing bodies' CA, in a confined process."""

import base64
from typing import Final, Literal, cast

from asn1crypto import x509
from tongban_runtime.confined import Confined, python

from tongban_certificates.document import Bilingual
from tongban_certificates.signature import Finding

Outcome = Finding | Literal["revoked", "expired", "not_registered"]
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
        "无法读取：这不是完整的 PDF 文件，或者文件过于复杂。请上传原始文件。",
        "Not readable: this is no complete PDF file, or it takes too much to be read. Upload the original.",
    ),
}

_SECONDS: Final = 20.0
"""How long one check may take by the clock."""
_LONGEST: Final = 64
"""Bytes of an answer."""


class CertificateVerifier:
    """Checks files of strangers against one CA certificate, each in a process of its own. Fetches nothing."""

    def __init__(self, trust_anchor: x509.Certificate, *, at_once: int = 2) -> None:
        anchor = base64.b64encode(trust_anchor.dump()).decode()
        command = python("-m", "tongban_certificates.signature", anchor)
        self._process = Confined(command, seconds=_SECONDS, longest=_LONGEST, at_once=at_once)

    async def verify(self, pdf: bytes) -> Finding:
        """What the file is; ``unreadable`` too when that took too much time or memory. Raises `Problem` 503."""
        answer = await self._process.run(pdf)
        return "unreadable" if answer is None else cast(Finding, answer.decode())
