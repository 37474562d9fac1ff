"""Settings of notify, from the environment."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from pydantic import Field, SecretStr
from tongban_runtime.settings import RuntimeSettings

Security = Literal["auto", "starttls", "tls"]


class Settings(RuntimeSettings):
    smtp: str = Field(pattern=r"^[^\s:]+:[0-9]{1,5}$", description="Mail server, host:port.")
    smtp_security: Security = Field(
        default="auto", description="auto: STARTTLS when offered; starttls: required; tls: from the first byte."
    )
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_timeout: float = Field(default=15.0, gt=0, description="Seconds that one mail may take to be handed over.")
    public_url: str = Field(pattern=r"^https?://", description="Address of the portal; status pages lie under it.")
    mail_from: str = Field(default="no-reply@notify.tongban", description="Sender address of every mail.")
    mail_batch: int = Field(default=20, ge=1, le=1000, description="Mails that one transaction settles.")
    mail_connections: int = Field(default=4, ge=1, le=64, description="Connections to the mail server.")
    retry_first: timedelta = Field(default=timedelta(seconds=5), description="Pause after the first failure.")
    retry_longest: timedelta = Field(default=timedelta(minutes=30), description="The longest pause between attempts.")
    give_up_after: timedelta = Field(default=timedelta(hours=24), description="Age at which a mail is given up.")

    @property
    def serves_alone(self) -> Mapping[str, frozenset[str] | None]:
        return {"messages": None}
