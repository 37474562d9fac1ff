"""The signing directory: ``ca.pem`` (trust anchor), ``signer.pem`` (certificate) and ``signer.key`` (private key, PEM)."""

from dataclasses import dataclass
from pathlib import Path

from asn1crypto import pem, x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

CA_FILE = "ca.pem"
SIGNER_FILE = "signer.pem"
KEY_FILE = "signer.key"

SigningKey = EllipticCurvePrivateKey | RSAPrivateKey


class SigningDirectoryError(RuntimeError):
    """The signing directory cannot be used; the message says which file and what to do."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a signer needs, loaded once."""

    key: SigningKey
    certificate: x509.Certificate
    ca: x509.Certificate


def load_trust_anchor(directory: Path) -> x509.Certificate:
    """The CA certificate of ``directory``. Raises `SigningDirectoryError`."""
    return _certificate(directory / CA_FILE)


def load_credentials(directory: Path) -> Credentials:
    """Key, certificate and CA of ``directory``. Raises `SigningDirectoryError`."""
    path = directory / KEY_FILE
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise SigningDirectoryError(_advice(path, "an unencrypted PEM private key")) from error
    if not isinstance(key, EllipticCurvePrivateKey | RSAPrivateKey):
        raise SigningDirectoryError(_advice(path, "an ECDSA or an RSA key"))
    return Credentials(key, _certificate(directory / SIGNER_FILE), load_trust_anchor(directory))


def _certificate(path: Path) -> x509.Certificate:
    try:
        _, _, der = pem.unarmor(path.read_bytes())
        return x509.Certificate.load(der, strict=True)
    except (OSError, ValueError) as error:
        raise SigningDirectoryError(_advice(path, "a PEM certificate")) from error


def _advice(path: Path, wanted: str) -> str:
    return f"{path} must hold {wanted}; for a demonstration: python -m tongban_certificates.demo_ca {path.parent}"
