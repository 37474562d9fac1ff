"""PAdES baseline-B signatures (ETSI EN 319 142-1) on certificates, as certification signatures that allow no change."""

import asyncio
import hashlib
import io
from dataclasses import dataclass

from asn1crypto import x509
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, Signer
from pyhanko_certvalidator.registry import SimpleCertificateStore

from tongban_certificates.credentials import Credentials, SigningKey

FIELD_NAME = "Issuer"

_RESERVED = 16_384


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """A signed PDF and the SHA-256 of all its bytes, in lower-case hexadecimal."""

    pdf: bytes
    sha256: str


class CertificateSigner:
    """Signs certificates with one key that is loaded once."""

    def __init__(self, credentials: Credentials) -> None:
        self._signer = _LoadedKeySigner(credentials)

    def sign(self, pdf: bytes, *, reason: str) -> SignedDocument:
        """``pdf`` with the issuing body's signature over the whole file. Blocks; for coroutines there is `sign_async`."""
        metadata = PdfSignatureMetadata(
            field_name=FIELD_NAME,
            md_algorithm="sha256",
            subfilter=SigSeedSubFilter.PADES,
            certify=True,
            docmdp_permissions=MDPPerm.NO_CHANGES,
            reason=reason,
        )
        signer = PdfSigner(metadata, self._signer, new_field_spec=SigFieldSpec(FIELD_NAME))
        writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
        out = io.BytesIO()
        signer.sign_pdf(writer, bytes_reserved=_RESERVED, output=out)
        signed = out.getvalue()
        return SignedDocument(signed, hashlib.sha256(signed).hexdigest())

    async def sign_async(self, pdf: bytes, *, reason: str) -> SignedDocument:
        """`sign` in a worker thread."""
        return await asyncio.to_thread(self.sign, pdf, reason=reason)


class _LoadedKeySigner(Signer):
    """pyHanko's own file signer decodes the private key twice for every document; this one keeps the key object."""

    def __init__(self, credentials: Credentials) -> None:
        registry = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        registry.register(credentials.ca)
        self._key: SigningKey = credentials.key
        certificate: x509.Certificate = credentials.certificate
        super().__init__(signing_cert=certificate, cert_registry=registry, embed_roots=False)

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        if digest_algorithm != "sha256":
            raise ValueError(f"this signer uses sha256, not {digest_algorithm}")
        if isinstance(self._key, EllipticCurvePrivateKey):
            return self._key.sign(data, ECDSA(SHA256()))
        return self._key.sign(data, PKCS1v15(), SHA256())
