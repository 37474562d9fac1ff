"""A check of a signed PDF by Poppler's ``pdfsig`` and Mozilla's NSS: software that shares nothing with the signer."""

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

_TIMEOUT_SECONDS = 60


class IndependentVerifierMissingError(RuntimeError):
    """``pdfsig`` or ``certutil`` is not installed."""


@dataclass(frozen=True, slots=True)
class IndependentVerification:
    """What ``pdfsig`` says. ``report`` is its own text."""

    intact: bool
    trusted: bool
    whole_document: bool
    report: str

    @property
    def accepted(self) -> bool:
        return self.intact and self.trusted and self.whole_document


def verify_with_pdfsig(pdf: Path, ca: Path) -> IndependentVerification:
    """Check ``pdf`` with ``pdfsig``, trusting only the CA certificate in the PEM file ``ca``.

    Raises `IndependentVerifierMissingError` when the tools are missing.
    """
    with tempfile.TemporaryDirectory(prefix="tongban-nss-") as database:
        nss = f"sql:{database}"
        _run("certutil", "-N", "-d", nss, "--empty-password").check_returncode()
        _run("certutil", "-A", "-d", nss, "-n", "issuer-ca", "-t", ",C,C", "-i", str(ca)).check_returncode()
        answer = _run("pdfsig", "-nssdir", nss, str(pdf))
    return IndependentVerification(
        intact="Signature Validation: Signature is Valid." in answer.stdout,
        trusted="Certificate Validation: Certificate is Trusted." in answer.stdout,
        whole_document="Total document signed" in answer.stdout,
        report=answer.stdout,
    )


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            timeout=_TIMEOUT_SECONDS,
        )
    except FileNotFoundError as error:
        raise IndependentVerifierMissingError(
            f"{command[0]} is not installed: apt-get install poppler-utils libnss3-tools"
        ) from error
