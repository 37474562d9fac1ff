"""Development token issuer: signs whatever it is asked to, for people who try the system on their own machine.

Never for real use. It listens on the loopback address only, refuses foreign Host headers, and sends people back to
loopback addresses only.
"""

import hashlib
import json
import secrets
import sys
import time
from collections.abc import Mapping
from datetime import date, timedelta
from html import escape
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import NAMESPACE_URL, UUID, uuid5

import uvicorn
from fastapi import Depends, FastAPI, Form, HTTPException, Query
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBasic, HTTPBasicCredentials, HTTPBearer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey
from joserfc.jwt import JWTClaimsRegistry
from pydantic import BaseModel, ConfigDict
from starlette.middleware.trustedhost import TrustedHostMiddleware

from tongban_local.credentials import client_secret, public_keys
from tongban_local.programs import APPROVALS, Client
from tongban_local.programs import clients as registered_clients
from tongban_local.tokens import ALGORITHM, IN_CHARGE, Role, TokenRequest, prepare, sign

CODE_LIFETIME = 120.0
_PEOPLE = "people.json"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Person(BaseModel):
    """Who somebody is, as the identity service has verified it. The numbers are of nobody: region 99, born in 1880."""

    model_config = ConfigDict(frozen=True)

    name: str
    id_number: str
    phone: str


class DemoRole(BaseModel):
    """A role that a visitor can sign in as."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    role: Role
    departments: tuple[str, ...] = ()
    duties: tuple[str, ...] = ()
    person: "Person | None" = None

    @property
    def subject(self) -> UUID:
        """The pseudonym of the role, the same on every sign-in."""
        return uuid5(NAMESPACE_URL, f"tongban:demo:{self.id}")

    def request(self) -> TokenRequest:
        """Claims of the role."""
        return TokenRequest(role=self.role, sub=self.subject, departments=self.departments, duties=self.duties)


_FIRST = Person(name="示例申请人", id_number="990101188001010015", phone="000-00000000")
_SECOND = Person(name="示例申请人二", id_number="990101188002020020", phone="000-00000001")

DEMO_ROLES = (
    DemoRole(id="applicant", name="演示申请人 Demo applicant", role="citizen", person=_FIRST),
    DemoRole(id="applicant-2", name="演示申请人二 Second demo applicant", role="citizen", person=_SECOND),
    DemoRole(
        id="reform",
        name="演示办事员·发展改革、生态环境 Demo officer, development reform and ecology",
        role="officer",
        departments=APPROVALS["approvals-reform"],
        duties=IN_CHARGE,
    ),
    DemoRole(
        id="land",
        name="演示办事员·自然资源、文物 Demo officer, natural resources and heritage",
        role="officer",
        departments=APPROVALS["approvals-land"],
        duties=IN_CHARGE,
    ),
    DemoRole(
        id="construction",
        name="演示办事员·住建、人防等 Demo officer, housing, civil defence and others",
        role="officer",
        departments=APPROVALS["approvals-construction"],
        duties=IN_CHARGE,
    ),
    DemoRole(
        id="neighbour",
        name="演示办事员·外省社保、街道 Demo officer of another province, social insurance and street office",
        role="officer",
        departments=APPROVALS["approvals-neighbour"],
        duties=IN_CHARGE,
    ),
    DemoRole(
        id="supervisor",
        name="演示监督人员·复核与催办 Demo supervisor, reviews decisions and sees what is late",
        role="officer",
        departments=tuple(name for served in APPROVALS.values() for name in served),
        duties=("supervisor",),
    ),
    DemoRole(id="operator", name="演示运维员 Demo operator", role="operator"),
)
_BY_ID = {role.id: role for role in DEMO_ROLES}
_BY_SUBJECT = {str(role.subject): role for role in DEMO_ROLES}
SERVICE_LIFETIME = 900
"""Seconds that a service's token is good for."""

_PAGE = """<!doctype html>
<html lang="zh"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>开发用登录 Development sign-in</title>
<style>body{{font:1.1rem/1.6 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}}
.warning{{border-left:.4rem solid #d4351c;padding:.5rem 1rem;background:#fdf3f1}}
button{{display:block;width:100%;text-align:left;font:inherit;padding:.7rem 1rem;margin:.6rem 0;border:2px solid #1d70b8;
background:#fff;cursor:pointer}}button:focus{{outline:3px solid #fd0}}</style></head><body>
<h1>以演示角色登录<br><small lang="en">Sign in as a demo role</small></h1>
<p class="warning"><strong>仅供开发。</strong>不核验身份，任何人都能选任何角色。<br>
<span lang="en"><strong>Development only.</strong> Nobody's identity is checked.</span></p>
<form method="post" action="/authorize">
<input type="hidden" name="redirect_uri" value="{redirect_uri}"><input type="hidden" name="state" value="{state}">
{buttons}</form></body></html>"""


class CodeRequest(BaseModel):
    """A one-time code to exchange, and the address it was sent to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str
    redirect_uri: str


class Codes:
    """One-time codes that are waiting to be exchanged."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[float, str, DemoRole]] = {}

    def issue(self, redirect_uri: str, role: DemoRole) -> str:
        """A fresh code for the role, good once, for two minutes and that address."""
        now = time.monotonic()
        self._waiting = {code: entry for code, entry in self._waiting.items() if entry[0] > now}
        code = secrets.token_urlsafe(24)
        self._waiting[code] = (now + CODE_LIFETIME, redirect_uri, role)
        return code

    def redeem(self, code: str, redirect_uri: str) -> DemoRole | None:
        """The role of a code, once."""
        expires, address, role = self._waiting.pop(code, (0.0, "", DEMO_ROLES[0]))
        return role if expires > time.monotonic() and address == redirect_uri else None


def check_redirect(address: str) -> str:
    """The address, if it is on this machine. Raises: HTTPException 400 for any other."""
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or parts.hostname not in LOOPBACK or "\\" in address:
        raise HTTPException(400, "redirect_uri 必须是本机地址 must be an address of this machine")
    return address


def person_of(subject: str, registered: Mapping[str, Person] | None = None) -> Person:
    """Who a citizen is: those who are registered and the demo roles; anybody else gets a person made of the pseudonym."""
    if registered is not None and subject in registered:
        return registered[subject]
    role = _BY_SUBJECT.get(subject)
    if role is not None and role.person is not None:
        return role.person
    number = int.from_bytes(hashlib.sha256(subject.encode()).digest()[:8], "big")
    day = date(1880, 1, 1) + timedelta(days=number % 366)
    body = f"9901{number // 366 % 100:02}{day:%Y%m%d}{number // 36_600 % 1000:03}"
    return Person(name="示例人员", id_number=body + _check_character(body), phone="000-00000002")


def _check_character(body: str) -> str:
    """The 18th character of an identity number (GB 11643)."""
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(body))
    return "10X98765432"[total % 11]


def build(
    key: OKPKey,
    issuer: str,
    clients: Mapping[str, tuple[str, Client]] | None = None,
    registered: Mapping[str, Person] | None = None,
) -> FastAPI:
    """The issuer's web application. issuer: its own base URL, which becomes the claim `iss`; clients: (secret, service) by id.

    registered: people besides those of the demo roles, by pseudonym.
    """
    known = clients or {}
    public = KeySet.import_key_set(public_keys(key))  # type: ignore[arg-type]
    app = FastAPI(title="Tongban development issuer", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    codes = Codes()

    @app.get("/jwks")
    async def jwks() -> dict[str, Any]:
        return public_keys(key)

    @app.post("/oauth/token")
    async def service_token(
        grant_type: Annotated[str, Form()], credentials: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]
    ) -> dict[str, object]:
        """A service signs in as itself: client credentials, RFC 6749 section 4.4."""
        if grant_type != "client_credentials":
            raise HTTPException(400, "unsupported_grant_type")
        secret, client = known.get(credentials.username, ("", None))
        if client is None or not secrets.compare_digest(secret.encode(), credentials.password.encode()):
            raise HTTPException(401, "invalid_client", {"WWW-Authenticate": "Basic"})
        request = TokenRequest(
            role="service",
            sub=uuid5(NAMESPACE_URL, f"tongban:service:{credentials.username}"),
            service=client.service,
            departments=client.departments,
            lifetime=SERVICE_LIFETIME,
        )
        return {"access_token": sign(key, issuer, request), "token_type": "Bearer", "expires_in": SERVICE_LIFETIME}

    @app.get("/userinfo")
    async def userinfo(bearer: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> dict[str, str]:
        """Who a citizen is, for the citizen's own token (OpenID Connect Core section 5.3)."""
        try:
            claims = jwt.decode(bearer.credentials, public, algorithms=[ALGORITHM]).claims
            JWTClaimsRegistry(exp={"essential": True}).validate(claims)
        except (JoseError, ValueError) as error:
            raise HTTPException(401, "invalid_token", {"WWW-Authenticate": "Bearer"}) from error
        if claims.get("role") != "citizen":
            raise HTTPException(403, "只有申请人有实名信息 only citizens have an identity")
        subject = str(claims["sub"])
        return {"sub": subject, **person_of(subject, registered).model_dump()}

    @app.post("/token")
    async def token(request: TokenRequest) -> dict[str, str]:
        if request.role == "service":
            raise HTTPException(403, "服务须以自己的密钥登录 services sign in with their own secret")
        return {"token": sign(key, issuer, request)}

    @app.get("/authorize", response_class=HTMLResponse)
    async def choose(redirect_uri: str, state: Annotated[str, Query(max_length=500)] = "") -> str:
        buttons = "\n".join(
            f'<button name="role" value="{role.id}">{escape(role.name)}</button>' for role in DEMO_ROLES
        )
        address = escape(check_redirect(redirect_uri), quote=True)
        return _PAGE.format(redirect_uri=address, state=escape(state, quote=True), buttons=buttons)

    @app.post("/authorize")
    async def authorize(
        redirect_uri: Annotated[str, Form()],
        role: Annotated[str, Form()],
        state: Annotated[str, Form(max_length=500)] = "",
    ) -> RedirectResponse:
        if role not in _BY_ID:
            raise HTTPException(400, "没有该角色 no such role")
        code = codes.issue(check_redirect(redirect_uri), _BY_ID[role])
        parts = urlsplit(redirect_uri)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()} | {"code": code, "state": state}
        return RedirectResponse(parts._replace(query=urlencode(query)).geturl(), status_code=303)

    @app.post("/code")
    async def exchange(request: CodeRequest) -> dict[str, str]:
        role = codes.redeem(request.code, request.redirect_uri)
        if role is None:
            raise HTTPException(400, "代码无效或已使用 the code is unknown, used or too old")
        return {"token": sign(key, issuer, role.request())}

    return app


def known_clients(folder: Path) -> dict[str, tuple[str, Client]]:
    """The services of a stack with their secrets, which are made when new."""
    return {name: (client_secret(folder, name), client) for name, client in registered_clients().items()}


def register(folder: Path, people: Mapping[UUID, Person]) -> None:
    """Makes people known to the issuer that starts next on this folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    known = {str(subject): person.model_dump() for subject, person in people.items()}
    (folder / _PEOPLE).write_text(json.dumps(known, ensure_ascii=False), "utf-8")


def registered_people(folder: Path) -> dict[str, Person]:
    """The people that `register` made known, by pseudonym."""
    if not (folder / _PEOPLE).exists():
        return {}
    known = json.loads((folder / _PEOPLE).read_text("utf-8"))
    return {subject: Person.model_validate(person) for subject, person in known.items()}


if __name__ == "__main__":
    host, port = sys.argv[1], int(sys.argv[2])
    folder = Path(sys.argv[3])
    own = build(prepare(folder), f"http://{host}:{port}", known_clients(folder), registered_people(folder))
    uvicorn.run(own, host=host, port=port, log_level="warning", access_log=False)
