"""Signed certificates are what they say they are, for veraPDF: PDF/A-2u (ISO 19005-2) and PDF/UA-1 (ISO 14289-1)."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tongban_certificates.document import CertificateContent, CertificateRenderer
from tongban_certificates.signing import CertificateSigner
from tongban_local import java
from tongban_local.stack import LOCAL, PROJECT


@pytest.fixture(scope="module")
def verapdf() -> Callable[..., list[str]]:
    """A line for each file and each standard that it says it keeps."""
    jars = java.maven_jars(LOCAL, PROJECT / "deploy/local/verapdf/pom.xml", "veraPDF", "9 MB")
    command: list[str | Path] = [
        java.find_java(),
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-cp",
        f"{jars}/*",
        "org.verapdf.apps.GreenfieldCliWrapper",
        "--format",
        "text",
    ]

    def check(*files: Path) -> list[str]:
        return subprocess.run([*command, "--flavour", "0", *files], capture_output=True, text=True).stdout.splitlines()

    return check


def test_signed_certificates_keep_both_standards_and_a_missing_line_feed_is_found(
    renderer: CertificateRenderer,
    contents: dict[str, CertificateContent],
    signer: CertificateSigner,
    verapdf: Callable[..., list[str]],
    tmp_path: Path,
) -> None:
    files = []
    for name, content in contents.items():
        drawn = renderer.render(content)
        assert re.search(rb"%%EOF\n\Z", drawn)
        files.append(tmp_path / f"{name}.pdf")
        files[-1].write_bytes(signer.sign(drawn, reason="签发电子证照 Certificate issued").pdf)
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(signer.sign(drawn.removesuffix(b"\n"), reason="x").pdf)
    kept = [f"PASS {file} {standard}" for file in files for standard in ("2u", "ua1")]
    assert sorted(verapdf(*files, broken)) == sorted([*kept, f"FAIL {broken} 2u", f"PASS {broken} ua1"])
