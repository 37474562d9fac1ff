"""Settings of intake."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field
from tongban_runtime.settings import RuntimeSettings


class Settings(RuntimeSettings):
    """What intake needs besides what every service needs; from the environment, as ``TONGBAN_<FIELD>``."""

    KEEPS_VAULT: ClassVar[bool] = True

    public_url: str | None = Field(
        default=None, description="Address under which people reach intake; the address it listens on by default."
    )
    issuer_url: str | None = Field(
        default=None, description="Address of the sign-in service; the address in `token_issuer` by default."
    )
    vault_dir: Path = Field(
        description="Folder with the keys that wrap the keys of cases: secret, backed up apart from the database."
    )
    userinfo: str | None = Field(
        default=None,
        description="Address where the sign-in service says who a token's person is; `/userinfo` of it by default.",
    )
    files: str | None = Field(
        default=None,
        pattern=r"^(file:///|s3://)",
        description="Where uploaded proofs lie, sealed: file:///folder or s3://bucket/prefix (with AWS_*).",
    )
    scanner: str | None = Field(
        default=None, pattern=r"^[^\s:]+:[0-9]{1,5}$", description="Virus scanner (clamd) for uploads, host:port."
    )
    retention_years: int = Field(
        default=10, ge=1, description="Years after the end of a case for which its personal data can be opened."
    )
    retention_short_days: int = Field(
        default=30, ge=1, description="Days for which a withdrawn or not accepted case is kept after its end."
    )
    retention_draft_days: int = Field(
        default=30, ge=1, description="Days for which a draft is kept after its person last did something with it."
    )
    group_limit: int = Field(default=500, ge=1, le=5000, description="Applications that one commit takes at most.")

    @property
    def serves_alone(self) -> Mapping[str, frozenset[str] | None]:
        return {"applications": None}

    @property
    def own_url(self) -> str:
        """Where people reach intake, without a slash at the end."""
        return (self.public_url or f"http://{self.http_host}:{self.http_port}").rstrip("/")

    @property
    def sign_in_url(self) -> str:
        """Where people sign in, without a slash at the end."""
        return (self.issuer_url or self.token_issuer).rstrip("/")

    @property
    def userinfo_url(self) -> str:
        """Where the sign-in service says who somebody is."""
        return self.userinfo or f"{self.sign_in_url}/userinfo"
