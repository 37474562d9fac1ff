"""The process in which PDFs of strangers are opened: is this one signed by an issuing body, and unchanged?

``python -I -m tongban_certificates.signature ANCHOR`` reads the file from its input and answers with what it found, in one word.
ANCHOR is the issuing bodies' CA certificate: its DER in base64. Nothing is fetched.
"""

import base64
import io
import logging
import sys
from typing import Final, Literal

from asn1crypto import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from tongban_runtime.confined import confine

Finding = Literal["valid", "altered", "unknown_signer", "not_signed", "unreadable"]

PROCESSOR_SECONDS: Final = 4
"""To load the libraries takes one of them, a certificate a tenth."""
MEMORY_BYTES: Final = 512 * 1024 * 1024


def find(pdf: bytes, anchor: x509.Certificate) -> Finding:
    """What a file is. Raises for no content, but may take all time and memory there is."""
    # An uploaded file may make the parsers below raise anything at all (KeyError, RecursionError, UnicodeError ...).
    try:
        signatures = PdfFileReader(io.BytesIO(pdf)).embedded_regular_signatures
    except Exception:  # noqa: BLE001 - see above
        return "unreadable"
    if not signatures:
        return "not_signed"
    try:
        context = ValidationContext(trust_roots=[anchor], allow_fetching=False)
        status = validate_pdf_signature(signatures[0], context, skip_diff=True)
    except Exception:  # noqa: BLE001 - see above
        return "altered"
    if not (status.intact and status.valid and status.coverage == SignatureCoverageLevel.ENTIRE_FILE):
        return "altered"
    return "valid" if status.trusted else "unknown_signer"


def main() -> None:
    confine(PROCESSOR_SECONDS, MEMORY_BYTES)
    logging.disable()  # pyHanko logs what it read from the file when a check fails: names of people
    anchor = x509.Certificate.load(base64.b64decode(sys.argv[1]))
    sys.stdout.write(find(sys.stdin.buffer.read(), anchor))


if __name__ == "__main__":
    main()
