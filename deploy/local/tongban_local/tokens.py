"""Development tokens: JWTs (RFC 7519) signed with Ed25519 (RFC 8037, algorithm name of RFC 9864)."""

import json
import time
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

from joserfc import jwt
from joserfc.jwk import OKPKey
from pydantic import BaseModel, ConfigDict, Field

from tongban_local.credentials import public_keys, signing_key

ALGORITHM = "Ed25519"
AUDIENCE = "tongban"
LIFETIME = 8 * 3600
IN_CHARGE = ("head", "receiver")
"""The duties of the demonstration's officers: they receive cases and decide."""
Role = Literal["citizen", "officer", "operator", "service"]


EXAMPLE_COMPANY = "91990000MA00000195"
"""The company for which the made-up people act, unless they are said to act for none."""


class TokenRequest(BaseModel):
    """Claims to sign. departments: ids, for officers and services; duties: head, receiver, supervisor; service: its name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Role
    sub: UUID = Field(default_factory=uuid4)
    departments: tuple[str, ...] = ()
    duties: tuple[str, ...] = ()
    service: str | None = None
    acts_for: str | None = Field(
        default=EXAMPLE_COMPANY, description="Code of the organisation for which a citizen may act; None: for none."
    )
    lifetime: int = Field(default=LIFETIME, gt=0, le=30 * 24 * 3600, description="Seconds until the token expires.")


def sign(key: OKPKey, issuer: str, request: TokenRequest) -> str:
    """A signed token with the claims iss, aud, sub, iat, exp, role, departments and duties."""
    now = int(time.time())
    claims: dict[str, Any] = {"iss": issuer, "aud": AUDIENCE, "sub": str(request.sub), "role": request.role}
    claims |= {"iat": now, "exp": now + request.lifetime}
    header = {"alg": ALGORITHM, "kid": key.kid}
    claims |= {"departments": list(request.departments), "duties": list(request.duties)}
    if request.role == "citizen" and request.acts_for is not None:
        claims["acts_for"] = request.acts_for
    if request.service is not None:
        claims["service"] = request.service
    return jwt.encode(header, claims, key, algorithms=[ALGORITHM])


def prepare(folder: Path) -> OKPKey:
    """The issuer's key, made when new, with its public half in `jwks.json` beside it."""
    key = signing_key(folder)
    fresh = folder / "jwks.new"
    fresh.write_text(json.dumps(public_keys(key)), "utf-8")
    fresh.replace(folder / "jwks.json")
    return key
