"""Settings of the certificates service, from the environment."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode
from tongban_runtime.settings import RuntimeSettings


class CertificatesSettings(RuntimeSettings):
    verify_url: str = Field(
        pattern=r"^https?://[^/\s]+$",
        description="Address of this service that the QR codes lead to, no slash at the end.",
    )
    signing_dir: Path = Field(description="Folder with ca.pem, signer.pem and signer.key.")
    certificates_issuers: Annotated[frozenset[str] | None, NoDecode] = Field(
        default=None,
        description="Issuing bodies (department ids), with commas; all, when it is not set. "
        "Two deployments never serve the same body.",
    )
    issue_batch: int = Field(default=4, ge=1, le=200, description="Certificates that one transaction issues at most.")
    issue_parallel: int = Field(default=1, ge=1, description="Certificates that are drawn and signed at once.")

    @field_validator("certificates_issuers", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return frozenset(value.split(",")) if isinstance(value, str) else value
