"""A certificate authority for demonstrations: ``python -m tongban_certificates.demo_ca <directory> [ec|rsa]``.

Writes ``ca.pem``, ``signer.pem`` and ``signer.key``; what is already there is kept. The CA's own key is not written: one
directory has one signer. Beside them lies ``ca.crl``, which says that the signer is not revoked, for validators that ask. A real
issuing body puts its own three files in place instead.
"""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, get_args

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tongban_certificates.credentials import CA_FILE, KEY_FILE, SIGNER_FILE, SigningKey

Algorithm = Literal["ec", "rsa"]

CRL_FILE: Final = "ca.crl"
"""The CA's list of revoked certificates (RFC 5280, 5), DER: nothing is on it, and it holds as long as the signer does."""

_CA_NAME = "Tongban demonstration CA / 演示用"
_SIGNER_NAME = "Tongban demonstration issuing body / 演示用"
_CA_LIFE = timedelta(days=3650)
_SIGNER_LIFE = timedelta(days=1095)


def make_demo_ca(directory: Path, algorithm: Algorithm = "ec", *, now: datetime | None = None) -> bool:
    """Put a demonstration CA and its signer into ``directory``; False when the three files are there already.

    ``ec`` is ECDSA on P-256, ``rsa`` is RSA-2048. ``now`` (UTC) is where the certificates' validity starts.
    """
    if all((directory / name).exists() for name in (CA_FILE, SIGNER_FILE, KEY_FILE)):
        return False
    directory.mkdir(parents=True, exist_ok=True)
    start = (now or datetime.now(UTC)) - timedelta(minutes=5)
    ca_key, signer_key = _new_key(algorithm), _new_key(algorithm)
    ca_name = _name(_CA_NAME)
    ca = (
        _builder(ca_name, ca_name, ca_key, start, _CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(issues=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, SHA256())
    )
    signer = (
        _builder(_name(_SIGNER_NAME), ca_name, signer_key, start, _SIGNER_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(issues=False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(signer_key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, SHA256())
    )
    private = signer_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _replace(directory / KEY_FILE, private, 0o600)
    _replace(directory / CRL_FILE, _crl(ca_name, ca_key, start).public_bytes(Encoding.DER), 0o644)
    _replace(directory / SIGNER_FILE, signer.public_bytes(Encoding.PEM), 0o644)
    _replace(directory / CA_FILE, ca.public_bytes(Encoding.PEM), 0o644)
    return True


def _new_key(algorithm: Algorithm) -> SigningKey:
    if algorithm == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tongban demonstration 通办演示"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: SigningKey, start: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + life)
    )


def _crl(issuer: x509.Name, key: SigningKey, start: datetime) -> x509.CertificateRevocationList:
    return (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer)
        .last_update(start)
        .next_update(start + _SIGNER_LIFE)
        .add_extension(x509.CRLNumber(1), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )


def _usage(*, issues: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not issues,
        content_commitment=not issues,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issues,
        crl_sign=issues,
        encipher_only=False,
        decipher_only=False,
    )


def _replace(path: Path, content: bytes, mode: int) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
    partial.replace(path)


def main(arguments: list[str]) -> int:
    if len(arguments) not in (1, 2) or (len(arguments) == 2 and arguments[1] not in get_args(Algorithm)):
        sys.stderr.write("usage: python -m tongban_certificates.demo_ca <directory> [ec|rsa]\n")
        return 2
    directory = Path(arguments[0])
    made = make_demo_ca(directory, "rsa" if arguments[1:] == ["rsa"] else "ec")
    sys.stdout.write(f"{'已生成 made' if made else '已存在 kept'}: {directory}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
