"""The electronic certificate identifier of GB/T 36904 (电子证照标识).

``1.2.156.3005.2.<type>.<issuer>.<serial>.<version>.<check>``: the type is the defining body's unified social credit
code followed by three digits, the issuer is the issuing body's unified social credit code (GB 32100), the version has
three digits, and the check character is ISO 7064 MOD 37,36 over type, issuer, serial and version. The root takes no part.
"""

import re
from dataclasses import dataclass

ROOT = "1.2.156.3005.2"

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_TYPE = re.compile(r"[0-9A-HJ-NP-RTUW-Y]{18}[0-9]{3}")
_ISSUER = re.compile(r"[0-9A-HJ-NP-RTUW-Y]{18}")
_REGION = re.compile(r"[0-9]{6}")
_SERIAL = re.compile(r"[0-9A-Z]{1,64}")
_VERSION = re.compile(r"[0-9]{3}")


class InvalidIdentifierError(ValueError):
    """A text that is no certificate identifier; the message says which part breaks which rule."""


@dataclass(frozen=True, slots=True)
class CertificateIdentifier:
    """The parts of an identifier that `parse` or `build` has checked. ``str()`` gives the identifier."""

    type_code: str
    issuer: str
    serial: str
    version: int

    @property
    def check(self) -> str:
        return check_character(self.type_code + self.issuer + self.serial + f"{self.version:03d}")

    def __str__(self) -> str:
        return f"{ROOT}.{self.type_code}.{self.issuer}.{self.serial}.{self.version:03d}.{self.check}"


def check_character(body: str) -> str:
    """The ISO 7064 MOD 37,36 check character of ``body`` (digits and upper-case letters).

    Raises `InvalidIdentifierError` when a character is outside that alphabet.
    """
    product = 36
    for character in body:
        index = _ALPHABET.find(character)
        if index < 0:
            raise InvalidIdentifierError("only digits and upper-case letters may stand before the check character")
        total = (product + index) % 36 or 36
        product = (2 * total) % 37
    return _ALPHABET[(37 - product) % 36]


def build(type_code: str, issuer: str, serial: str, version: int = 1) -> CertificateIdentifier:
    """A new identifier. ``issuer`` must be a unified social credit code: region codes are read, never written.

    Raises `InvalidIdentifierError`.
    """
    if not _ISSUER.fullmatch(issuer):
        raise InvalidIdentifierError("the issuer must be a unified social credit code of 18 characters")
    return _checked(type_code, issuer, serial, version)


def parse(text: str) -> CertificateIdentifier:
    """The identifier that ``text`` holds; surrounding blanks and lower-case letters are forgiven.

    Old identifiers whose issuer is a six-digit region code (GB/T 2260) are accepted. Raises `InvalidIdentifierError`.
    """
    normalised = text.strip().upper()
    if not normalised.startswith(ROOT + "."):
        raise InvalidIdentifierError(f"an identifier starts with {ROOT}")
    parts = normalised[len(ROOT) + 1 :].split(".")
    if len(parts) != 5:
        raise InvalidIdentifierError("after the root come type, issuer, serial, version and check, with dots between")
    type_code, issuer, serial, version, check = parts
    if not (_ISSUER.fullmatch(issuer) or _REGION.fullmatch(issuer)):
        raise InvalidIdentifierError("the issuer must be a unified social credit code or an old six-digit region code")
    if not _VERSION.fullmatch(version):
        raise InvalidIdentifierError("the version has three digits, 001 to 999")
    identifier = _checked(type_code, issuer, serial, int(version))
    if identifier.check != check:
        raise InvalidIdentifierError("the check character does not fit the other parts")
    return identifier


def is_valid(text: str) -> bool:
    """Whether `parse` accepts ``text``."""
    try:
        parse(text)
    except InvalidIdentifierError:
        return False
    return True


def _checked(type_code: str, issuer: str, serial: str, version: int) -> CertificateIdentifier:
    if not _TYPE.fullmatch(type_code):
        raise InvalidIdentifierError("the type is a unified social credit code followed by three digits")
    if not _SERIAL.fullmatch(serial):
        raise InvalidIdentifierError("the serial has 1 to 64 digits and upper-case letters")
    if not 1 <= version <= 999:
        raise InvalidIdentifierError("the version has three digits, 001 to 999")
    return CertificateIdentifier(type_code, issuer, serial, version)
