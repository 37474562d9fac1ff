"""What a third validator says of certificates as PAdES (ETSI EN 319 142-1): DSS of the European Commission, by ``make pades``.

Validated as ETSI EN 319 102-1 has it: TOTAL_PASSED needs a chain to the CA and a revocation list that says the signer is good;
a changed byte is TOTAL_FAILED; who signed with a key of another CA is INDETERMINATE.
"""

import random
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import pytest
from tongban_certificates.credentials import CA_FILE, load_credentials
from tongban_certificates.demo_ca import CRL_FILE, Algorithm, make_demo_ca
from tongban_certificates.document import CertificateContent, CertificateRenderer
from tongban_certificates.signing import CertificateSigner
from tongban_local import java
from tongban_local.stack import LOCAL, PROJECT

from .test_signing import flipped, signed_positions

FLIPS = 12
SEED = 20261201
PASSED = "TOTAL_PASSED - PAdES-BASELINE-B"
CHANGED = "TOTAL_FAILED HASH_FAILURE PAdES-BASELINE-B"
STRANGER = "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND PAdES-BASELINE-B"


def validate(trusted: Path, files: Sequence[Path]) -> list[str]:
    """A line for each file, by the CA and its list in the signing directory ``trusted``."""
    dss = PROJECT / "deploy/local/dss"
    jars = java.maven_jars(LOCAL, dss / "pom.xml", "DSS", "21 MB")
    command: list[str | Path] = [
        java.find_jdk(),
        "-cp",
        f"{jars}/*",
        dss / "Validate.java",
        trusted / CA_FILE,
        trusted / CRL_FILE,
        *files,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
def test_dss_passes_certificates_and_fails_changed_ones(
    algorithm: Algorithm, renderer: CertificateRenderer, contents: dict[str, CertificateContent], tmp_path: Path
) -> None:
    signing, elsewhere = tmp_path / "signing", tmp_path / "elsewhere"
    make_demo_ca(signing, algorithm)
    make_demo_ca(elsewhere, algorithm)
    signer, stranger = (CertificateSigner(load_credentials(one)) for one in (signing, elsewhere))
    expected: dict[Path, str] = {}

    def file(name: str, pdf: bytes, verdict: str) -> None:
        path = tmp_path / f"{name}.pdf"
        path.write_bytes(pdf)
        expected[path] = verdict

    drawn = {name: renderer.render(content) for name, content in contents.items()}
    signed = {name: signer.sign(pdf, reason="签发电子证照 Certificate issued").pdf for name, pdf in drawn.items()}
    for name, pdf in signed.items():
        file(name, pdf, PASSED)
    whole = signed["company"]
    for position in random.Random(SEED).sample(signed_positions(whole), FLIPS):  # noqa: S311 - which bytes to flip is no secret
        file(f"changed-at-{position}", flipped(whole, position, 0), CHANGED)
    file("of-another-ca", stranger.sign(drawn["company"], reason="x").pdf, STRANGER)
    found = dict(zip(expected, validate(signing, list(expected)), strict=True))
    for path, verdict in found.items():
        print(f"{algorithm:4} {path.name:28} {verdict}")  # noqa: T201 - the campaign says what it saw
    assert found == expected
