"""Who calls, and whether they may. Every route declares one policy; a route without one fails the tests.

Callers carry EdDSA tokens (RFC 8037) in ``Authorization: Bearer`` or, for pages, in the cookie ``tongban_session``.
"""

import json
import time
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Self
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry
from starlette.routing import Mount

from tongban_runtime import logs
from tongban_runtime.limits import Limiter, LimitName
from tongban_runtime.problems import Problem
from tongban_runtime.sessions import Sessions

Role = Literal["citizen", "officer", "operator", "service"]
"""``service``: a program of ours that speaks for departments, signed in with its own secret (RFC 6749 section 4.4)."""
Duty = Literal["head", "receiver", "supervisor"]
"""What an officer may do beside deciding: ``head`` extends limits and annuls, ``receiver`` works at the receiving desk,
``supervisor`` decides appeals and sees what is late."""
DUTIES: tuple[Duty, ...] = ("head", "receiver", "supervisor")
ALGORITHMS = ["EdDSA", "Ed25519"]
AUDIENCE = "tongban"
"""The `aud` of tokens that are meant for Tongban, where a deployment says no other (RFC 7519 section 4.1.3)."""
SESSION_COOKIE = "tongban_session"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is behind a request. ``id`` is a pseudonym; ``departments`` are those an officer decides for, with ``duties``.

    ``service`` is the name of a program, ``departments`` then those for which it speaks. ``acts_for`` is the unified social
    credit code of the organisation for which a person has signed in to act, as the sign-in service has verified it.
    """

    id: UUID
    role: Role
    departments: frozenset[str]
    duties: frozenset[Duty] = frozenset()
    service: str | None = None
    acts_for: str | None = None


def fetch_jwks(address: str, timeout: float = 10.0) -> KeySet:
    """The issuer's public keys. Raises `ValueError` for an address that is not http, https or file."""
    if not address.startswith(("http://", "https://", "file://")):
        raise ValueError("TONGBAN_TOKEN_JWKS must start with http://, https:// or file://")
    with urllib.request.urlopen(address, timeout=timeout) as answer:  # noqa: S310 - schemes are checked above
        return KeySet.import_key_set(json.load(answer))


class Authenticator:
    """Checks tokens against the issuer's keys; a token that was checked is remembered until it expires."""

    def __init__(self, issuer: str, keys: KeySet, audience: str = AUDIENCE) -> None:
        self._keys = keys
        self._issuer = issuer
        self._claims = JWTClaimsRegistry(
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            sub={"essential": True},
            exp={"essential": True},
        )
        self._verified = lru_cache(maxsize=10_000)(self._verify)

    def _verify(self, token: str) -> tuple[Caller, float]:
        decoded = jwt.decode(token, self._keys, algorithms=ALGORITHMS)
        self._claims.validate(decoded.claims)
        claims = decoded.claims
        role = claims.get("role")
        if role not in ("citizen", "officer", "operator", "service"):
            raise ValueError("unknown role")
        duties = claims.get("duties", [])
        caller = Caller(
            id=UUID(claims["sub"]),
            role=role,
            departments=frozenset(map(str, claims.get("departments", []))),
            duties=frozenset(duty for duty in DUTIES if duty in duties),
            service=str(claims["service"]) if role == "service" else None,
            acts_for=str(claims["acts_for"]) if role == "citizen" and claims.get("acts_for") else None,
        )
        return caller, float(claims["exp"])

    def subject_of(self, token: str) -> UUID | None:
        """Whose session a token is, or was before it ended; None for what the issuer has not signed. It admits nobody."""
        try:
            claims = jwt.decode(token, self._keys, algorithms=ALGORITHMS).claims
            return UUID(claims["sub"]) if claims.get("iss") == self._issuer else None
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def expiry_of(self, token: str) -> float | None:
        """When the session ends by itself, in seconds since 1970; None for what is no session any more."""
        try:
            return self._verified(token)[1]
        except (JoseError, ValueError, TypeError, KeyError):
            return None

    def caller(self, token: str) -> Caller:
        """Raises `Problem` 401."""
        try:
            caller, expires = self._verified(token)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise _not_signed_in() from error
        if expires <= time.time():
            raise _not_signed_in()
        return caller


def _not_signed_in() -> Problem:
    return Problem(
        401,
        "not-signed-in",
        "登录已失效或尚未登录，请先登录。",
        "You are not signed in, or your session has ended: sign in and try again.",
        headers={"WWW-Authenticate": "Bearer"},
    )


def require_own_page(request: Request) -> None:
    """Raises `Problem` 403 when another site's page has the browser change something in the name of who is signed in.

    SameSite keeps the cookie from other sites, but not from other hosts of the same one.
    """
    if request.method in _SAFE_METHODS:
        return
    sent_from = request.headers.get("sec-fetch-site")
    own = _names_own_host(request) if sent_from is None else sent_from in ("same-origin", "none")
    if not own:
        raise Problem(403, "foreign-form", "请在本站页面上操作。", "Use the form on this site's own page.")


def _names_own_host(request: Request) -> bool:
    """Whether the page that sent a request is this host's; a browser that names none has not sent it from a page of this host."""
    page = request.headers.get("origin") or request.headers.get("referer", "")
    try:
        return bool(page) and urlsplit(page).netloc == request.headers.get("host")
    except ValueError:
        return False


class Policy:
    """Who may use a route: ``dependencies=[Depends(policy)]`` or, where the caller matters, ``Depends(policy)``.

    ``limits``: how often, by the names of `limits.TABLE`; without them what holds for the roles.
    """

    def __init__(self, name: str, roles: Iterable[Role], limits: Iterable[LimitName] = ()) -> None:
        self.name = name
        self.roles = frozenset(roles)
        self.limits = tuple(limits) or (_usual_limit(self.roles),)

    def within(self, *limits: LimitName) -> Self:
        """The same policy with further limits."""
        return type(self)(self.name, self.roles, (*self.limits, *limits))

    async def __call__(self, request: Request) -> Caller | None:
        """Who calls; None where nobody has to sign in. Raises `Problem` 401 or 403, and leaves a line in the log."""
        try:
            return await self.admit(request)
        except Problem as problem:
            note_refusal(request, problem)
            raise

    async def admit(self, request: Request) -> Caller | None:
        """`__call__` without the line in the log. Raises `Problem` 429 beyond the limits; who fails is counted by address."""
        limiter: Limiter = request.app.state.limiter
        try:
            caller = await self._caller(request)
        except Problem:
            limiter.admit(("address",), request)
            raise
        limiter.admit(self.limits, request, caller and caller.id)
        return caller

    async def _caller(self, request: Request) -> Caller | None:
        if not self.roles:
            return None
        header = request.headers.get("authorization", "")
        token = header.removeprefix("Bearer ") if header else request.cookies.get(SESSION_COOKIE, "")
        if not token:
            raise _not_signed_in()
        if not header:
            require_own_page(request)
        authenticator: Authenticator = request.app.state.authenticator
        caller = authenticator.caller(token)
        sessions: Sessions | None = getattr(request.app.state, "sessions", None)
        if sessions is not None and caller.role != "service" and await sessions.has_ended(token):
            raise _not_signed_in()
        if caller.role not in self.roles:
            raise Problem(
                403,
                "not-permitted",
                "您没有办理这项操作的权限。",
                "Your role does not permit this.",
            )
        return caller


def _usual_limit(roles: frozenset[Role]) -> LimitName:
    if not roles:
        return "address"
    return "service" if roles == {"service"} else "person"


def note_refusal(request: Request, problem: Problem, **fields: object) -> None:
    """Logs by the route's own path, without what the caller put into it, that a request was turned away.

    Requests that are too many are counted instead: they shall not fill the log.
    """
    if problem.status == 429:
        return
    route = getattr(request.scope.get("route"), "path", "")
    logs.info("access.refused", rule=problem.kind, route=route, **fields)


public = Policy("public", ())
"""Anyone, without signing in."""
citizen = Policy("citizen", ("citizen",))
officer = Policy("officer", ("officer",))
operator = Policy("operator", ("operator",))
service = Policy("service", ("service",))
"""Programs of ours alone: no person's token opens it."""
signed_in = Policy("signed-in", ("citizen", "officer", "operator"))


def policies_of(route: RouteContext) -> list[str]:
    """The names of the policies that guard a route, those of the routers that include it among them."""
    return [policy.name for policy in guards_of(route)]


def guards_of(route: RouteContext) -> list[Policy]:
    """The policies that guard a route, those of the routers that include it among them."""
    found: list[Policy] = []
    pending = [route.dependant]
    while pending:
        dependant = pending.pop()
        pending.extend(dependant.dependencies)
        if isinstance(dependant.call, Policy):
            found.append(dependant.call)
    return found


def routes_without_policy(app: FastAPI) -> list[str]:
    """Paths of routes, in whatever router they stand, that nobody gave exactly one policy. Mounts hold public files."""
    wrong = []
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, APIRoute):
            if len(policies_of(route)) != 1:
                wrong.append(route.path or "")
        elif not isinstance(route.original_route, Mount):
            wrong.append(route.path or "")
    return wrong
