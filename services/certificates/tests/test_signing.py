import asyncio
import hashlib
import random
import re
import stat
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from tongban_certificates import signature
from tongban_certificates.credentials import SigningDirectoryError, load_credentials, load_trust_anchor
from tongban_certificates.demo_ca import Algorithm, make_demo_ca
from tongban_certificates.document import CertificateContent, CertificateRenderer
from tongban_certificates.independent import verify_with_pdfsig
from tongban_certificates.signature import Finding
from tongban_certificates.signing import CertificateSigner, SignedDocument
from tongban_certificates.verification import MESSAGES, CertificateVerifier

MakeContent = Callable[..., CertificateContent]
Find = Callable[[bytes], Finding]

FLIPS = 60
SEED = 20261124


@pytest.fixture
def signed(renderer: CertificateRenderer, make_content: MakeContent, signer: CertificateSigner) -> SignedDocument:
    return signer.sign(renderer.render(make_content()), reason="签发电子证照 Certificate issued")


@pytest.fixture(scope="module")
def find(signing_directory: Path) -> Find:
    return partial(signature.find, anchor=load_trust_anchor(signing_directory))


def signed_positions(pdf: bytes) -> list[int]:
    """Every offset that the signature covers."""
    found = re.search(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)", pdf)
    assert found is not None
    first, length, second, rest = map(int, found.groups())
    return [*range(first, first + length), *range(second, second + rest)]


def flipped(pdf: bytes, position: int, bit: int) -> bytes:
    changed = bytearray(pdf)
    changed[position] ^= 1 << bit
    return bytes(changed)


def test_signed_certificate_is_valid_here_and_for_pdfsig(
    signed: SignedDocument, find: Find, signing_directory: Path, tmp_path: Path
) -> None:
    assert find(signed.pdf) == "valid"
    assert hashlib.sha256(signed.pdf).hexdigest() == signed.sha256
    pdf = tmp_path / "certificate.pdf"
    pdf.write_bytes(signed.pdf)
    verdict = verify_with_pdfsig(pdf, signing_directory / "ca.pem")
    assert verdict.accepted, verdict.report
    assert "ETSI.CAdES.detached" in verdict.report


def test_one_flipped_bit_anywhere_in_the_signed_range_is_found(signed: SignedDocument, find: Find) -> None:
    chance = random.Random(SEED)  # noqa: S311 - which bytes to flip is no secret
    positions = signed_positions(signed.pdf)
    hole = next(index for index, (one, after) in enumerate(pairwise(positions), start=1) if after != one + 1)
    ends = [*positions[:8], *positions[hole - 8 : hole + 8], *positions[-8:]]
    chosen = [*ends, *chance.sample(positions, FLIPS)]
    accepted = [position for position in chosen if find(flipped(signed.pdf, position, chance.randrange(8))) == "valid"]
    assert not accepted


def test_pdfsig_finds_flipped_bits_too(signed: SignedDocument, signing_directory: Path, tmp_path: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311 - which bytes to flip is no secret
    pdf = tmp_path / "changed.pdf"
    for position in chance.sample(signed_positions(signed.pdf), 12):
        pdf.write_bytes(flipped(signed.pdf, position, 0))
        assert not verify_with_pdfsig(pdf, signing_directory / "ca.pem").accepted


def test_something_appended_is_found(signed: SignedDocument, find: Find) -> None:
    assert find(signed.pdf + b"\n% appended\n") == "altered"


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7\n", b"\x00" * 4096, b"PK\x03\x04"])
def test_what_is_no_pdf_is_unreadable(find: Find, content: bytes) -> None:
    assert find(content) == "unreadable"


def test_truncated_file_is_never_valid(signed: SignedDocument, find: Find) -> None:
    chance = random.Random(SEED)  # noqa: S311 - where to cut is no secret
    for _ in range(50):
        assert find(signed.pdf[: chance.randrange(len(signed.pdf))]) != "valid"


def test_unsigned_certificate_is_not_signed(
    renderer: CertificateRenderer, make_content: MakeContent, find: Find
) -> None:
    assert find(renderer.render(make_content())) == "not_signed"


@pytest.mark.parametrize("algorithm", ["ec", "rsa"])
def test_foreign_signature_is_unknown(
    algorithm: Algorithm,
    renderer: CertificateRenderer,
    make_content: MakeContent,
    find: Find,
    signing_directory: Path,
    tmp_path: Path,
) -> None:
    make_demo_ca(tmp_path, algorithm)
    foreign = CertificateSigner(load_credentials(tmp_path)).sign(renderer.render(make_content()), reason="x")
    assert find(foreign.pdf) == "unknown_signer"
    pdf = tmp_path / "foreign.pdf"
    pdf.write_bytes(foreign.pdf)
    verdict = verify_with_pdfsig(pdf, signing_directory / "ca.pem")
    assert verdict.intact
    assert not verdict.trusted
    assert verify_with_pdfsig(pdf, tmp_path / "ca.pem").accepted


def test_second_signature_by_another_makes_it_altered(signed: SignedDocument, find: Find) -> None:
    pdf = signed.pdf.replace(b"/T (Issuer)", b"/T (Issuex)", 1)
    assert find(pdf) == "altered"


@pytest.mark.parametrize("outcome", ["valid", "altered", "unreadable"])
async def test_the_confined_process_finds_the_same(
    signed: SignedDocument, signer: CertificateSigner, signing_directory: Path, outcome: str
) -> None:
    files = {"valid": signed.pdf, "altered": signed.pdf + b"\n% more", "unreadable": b"%PDF-1.7\n"}
    assert await CertificateVerifier(load_trust_anchor(signing_directory)).verify(files[outcome]) == outcome


async def test_signing_from_coroutines(
    renderer: CertificateRenderer, make_content: MakeContent, signer: CertificateSigner, find: Find
) -> None:
    signed = await signer.sign_async(renderer.render(make_content(decisions=1)), reason="x")
    assert await asyncio.to_thread(find, signed.pdf) == "valid"


def test_demo_ca_is_made_once_with_a_private_key_for_the_owner_only(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "signing"
    assert make_demo_ca(directory)
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    assert sorted(before) == ["ca.crl", "ca.pem", "signer.key", "signer.pem"]
    assert stat.S_IMODE((directory / "signer.key").stat().st_mode) == 0o600
    assert not make_demo_ca(directory)
    assert before == {path.name: path.read_bytes() for path in directory.iterdir()}
    assert "演示用" in load_credentials(directory).certificate.subject.human_friendly


def test_missing_credentials_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SigningDirectoryError, match=r"signer\.key must hold .*demo_ca"):
        load_credentials(tmp_path)


def test_every_outcome_has_words_in_both_languages() -> None:
    assert all(message.zh and message.en for message in MESSAGES.values())
