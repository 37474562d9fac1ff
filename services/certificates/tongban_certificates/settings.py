"""Settings of the certificates service, from the environment."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode
from tongban_runtime.settings import RuntimeSettings


class CertificatesSettings(RuntimeSettings):
    verify_url: str = Field(
        pattern=r"^https?://[^/\s]+$",
        description="Address of this service that the QR codes lead to, no slash at the end.",
    )
    public_url: str | None = Field(
        default=None, pattern=r"^https?://", description="Address of the portal, where people sign in."
    )
    signing_dir: Path = Field(description="Folder with ca.pem, signer.pem and signer.key.")
    certificates_issuers: Annotated[frozenset[str] | None, NoDecode] = Field(
        default=None,
        description="Issuing bodies (department ids), with commas; all, when it is not set. "
        "Two deployments never serve the same body.",
    )
    issue_batch: int = Field(default=4, ge=1, le=200, description="Certificates that one transaction issues at most.")
    issue_parallel: int = Field(default=1, ge=1, description="Certificates that are drawn and signed at once.")

    registers: Annotated[frozenset[str] | None, NoDecode] = Field(
        default=None,
        description="Departments whose registers this deployment keeps, with commas; all, when it is not set. "
        "Two deployments never keep the same department's.",
    )
    register_key: Path | None = Field(
        default=None,
        description="File with the key that holders' numbers are hashed under, made when it is missing; "
        "`register.key` in the signing directory, when it is not set.",
    )
    pull: Annotated[dict[str, str], NoDecode] = Field(
        default_factory=dict,
        description="Registers that lie in somebody else's system, and the addresses to ask: a JSON object by resource, or "
        "`resource=address` with commas.",
    )
    pull_token: SecretStr | None = Field(default=None, description="Bearer token that those systems are shown.")

    @field_validator("certificates_issuers", "registers", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return frozenset(value.split(",")) if isinstance(value, str) else value

    @field_validator("pull", mode="before")
    @classmethod
    def _parse(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("{"):
            return json.loads(value)
        return dict(part.strip().split("=", 1) for part in value.split(",") if part.strip())

    @field_validator("pull")
    @classmethod
    def _are_addresses(cls, value: dict[str, str]) -> dict[str, str]:
        if not all(address.startswith(("http://", "https://")) for address in value.values()):
            raise ValueError("an address must start with http:// or https://")
        return value

    @property
    def serves_alone(self) -> Mapping[str, frozenset[str] | None]:
        return {"certificates": self.certificates_issuers, "registers": self.registers}

    @property
    def register_key_file(self) -> Path:
        return self.register_key or self.signing_dir / "register.key"
