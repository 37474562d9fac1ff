"""Settings that every service has. They come from the environment; a wrong one stops the start with its name."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from tongban_runtime.auth import AUDIENCE
from tongban_runtime.limits import STREAMS_PER_PERSON, LimitName, Rate


class RuntimeSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="TONGBAN_", extra="ignore", frozen=True)

    KEEPS_VAULT: ClassVar[bool] = False
    """Whether the service has the keys of personal fields itself, and asks nobody for them."""

    instance: str = Field(description="Name of this deployment; also its Kafka consumer group.")
    replica: str = Field(default="0", description="Which replica of the deployment this is; stable over restarts.")
    kafka: str = Field(description="Bootstrap servers, host:port.")
    database: SecretStr = Field(description="postgresql:// address of this service's own database.")
    topic_prefix: str = Field(
        default="", description="Put before every topic's name, so that systems can share a broker."
    )
    http_host: str = "127.0.0.1"
    http_port: int = 8000
    http_share_port: bool = Field(
        default=False,
        description="Several processes of this deployment listen on the port; the kernel shares the connections.",
    )
    behind_tls: bool = Field(
        default=False, description="People reach this service through a proxy that ends TLS: answers say so (HSTS)."
    )
    trusted_proxies: str = Field(
        default="",
        description="Addresses or networks of proxies, with commas; only theirs is X-Forwarded-For believed.",
    )
    limits: dict[LimitName, Rate] = Field(
        default={}, description='Rates other than the usual ones, as JSON: `{"look-up": {"rate": 1, "burst": 20}}`.'
    )
    streams_per_person: int = Field(
        default=STREAMS_PER_PERSON, ge=1, description="Event streams that one person may follow at once."
    )
    connections: int = Field(default=1000, ge=10, description="Open connections; beyond them requests get 503.")
    connections_per_address: int = Field(
        default=200, ge=1, description="Open connections of one address, where no proxy stands before the service."
    )
    head_seconds: float = Field(default=10.0, gt=0, description="Seconds that a request's line and headers may take.")
    body_seconds: float = Field(
        default=30.0, gt=0, description="Seconds that a body may take; one more for each 16 KiB that have come."
    )
    token_issuer: str = Field(description="The `iss` that tokens must carry.")
    token_audience: str = Field(
        default=AUDIENCE, description="The `aud` that tokens must carry, alone or among others."
    )
    token_jwks: str = Field(description="Address (http, https or file) of the issuer's public keys.")
    vault_url: str | None = Field(
        default=None,
        description="Address of the vault, which gives the keys of personal fields; without it there are none.",
    )
    token_url: str | None = Field(
        default=None,
        description="Where this service signs in as itself: the issuer's token endpoint (RFC 6749 section 4.4).",
    )
    client_id: str | None = Field(default=None, description="The name by which it signs in.")
    client_secret: SecretStr | None = Field(default=None, description="The secret by which it signs in.")
    acts_dir: Path | None = Field(
        default=None, description="Folder with `<department>.jwk`, the private keys of formal acts."
    )
    otlp_endpoint: str | None = Field(default=None, description="OTLP/HTTP collector for spans and metrics.")
    trace_file: Path | None = Field(
        default=None, description="File that spans are appended to, one JSON object a line."
    )
    clock_shift: Path | None = Field(
        default=None, description="File with seconds to add to the system's time; for development and demonstrations."
    )
    trace_ratio: float = Field(default=1.0, ge=0.0, le=1.0, description="Share of new traces that are recorded.")
    parked_keys_limit: int = Field(
        default=50,
        ge=1,
        description="Keys of one producer that may be parked in ten minutes; then the partition stands still.",
    )
    stall_limit: float = Field(default=60.0, gt=0, description="Seconds without progress that end the process.")
    database_pool: int = Field(default=8, ge=2, description="Connections to the database.")

    @property
    def serves_alone(self) -> Mapping[str, frozenset[str] | None]:
        """What no other deployment may serve, by kind; None for all of a kind. Others are told (`tongban_runtime.rivals`)."""
        return {}

    def topic(self, name: str) -> str:
        return self.topic_prefix + name
