"""Applicants and officers at work: what they do, over the services' HTTP interfaces and with tokens of the issuer."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
from tongban_catalog.item import Item

from tongban_local.errors import LocalStackError
from tongban_local.issuer import DEMO_ROLES, DemoRole
from tongban_local.programs import APPROVALS, CERTIFICATES
from tongban_local.stack import Stack

REGION = "990101"
"""A place of the demonstration region, which GB/T 2260 assigns to nobody."""

Json = dict[str, Any]

_STATUS_TRIES = 8
"""Each waits up to five seconds for the view inside intake."""


class UnexpectedAnswerError(LocalStackError):
    """A service answered otherwise than the person expected; the text holds what it said."""


@asynccontextmanager
async def http_client(**settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client that goes to this machine directly, whatever proxy the environment names.

    It gives up idle connections before the servers do (after 5 s), so that no request meets one that is being closed.
    """
    usual: dict[str, Any] = {"timeout": 20, "trust_env": False, "limits": httpx.Limits(keepalive_expiry=2.0)}
    async with httpx.AsyncClient(**(usual | settings)) as client:
        yield client


def demo_role(name: str) -> DemoRole:
    """One of the issuer's roles, by its id."""
    return next(role for role in DEMO_ROLES if role.id == name)


async def token(stack: Stack, http: httpx.AsyncClient, role: DemoRole) -> str:
    """A token of the stack's issuer, as signing in with that role gives."""
    body = role.request().model_dump(mode="json")
    return str(expect(await http.post(f"{stack.url('issuer')}/token", json=body), 200).json()["token"])


def expect(response: httpx.Response, *statuses: int) -> httpx.Response:
    """The response, if it has one of the statuses. Raises: UnexpectedAnswerError."""
    if response.status_code not in statuses:
        asked = f"{response.request.method} {response.request.url}"
        raise UnexpectedAnswerError(f"{asked}: {response.status_code} {response.text[:500]}")
    return response


@dataclass(frozen=True, slots=True)
class Applicant:
    """A person with a token, towards intake and certificates."""

    stack: Stack
    http: httpx.AsyncClient
    headers: Mapping[str, str]

    @classmethod
    async def sign_in(cls, stack: Stack, http: httpx.AsyncClient, role: str = "applicant") -> "Applicant":
        """role: id of one of the issuer's citizen roles; in a browser the same role sees the same applications."""
        return cls(stack, http, {"Authorization": f"Bearer {await token(stack, http, demo_role(role))}"})

    def place(self, application: UUID, rest: str = "") -> str:
        return f"{self.stack.url('intake')}/v1/applications/{application}{rest}"

    async def apply(self, item: Item, answers: Json, key: str | None = None) -> tuple[UUID, int]:
        """Apply. Returns: the application's id, and the position from which to read it."""
        response = await self.http.post(
            f"{self.stack.url('intake')}/v1/applications",
            json={"item": item.code, "version": item.version, "region": REGION, "answers": answers},
            headers={**self.headers, "Idempotency-Key": key or str(uuid4())},
        )
        receipt = expect(response, 202).json()
        return UUID(receipt["application"]), int(receipt["position"])

    async def status(self, application: UUID, position: int = 1) -> Json:
        """What intake shows of the case, not older than the position; asks again while the view has not come so far."""
        for _ in range(_STATUS_TRIES):
            response = await self.http.get(self.place(application), params={"position": position}, headers=self.headers)
            if response.status_code != 503:
                break
            await asyncio.sleep(float(response.headers.get("Retry-After", "1")))
        found: Json = expect(response, 200).json()
        return found

    async def correct(self, application: UUID, request: str, answers: Json) -> int:
        """Answer a correction request. Returns: the position."""
        body = {"request": request, "answers": answers}
        response = await self.http.post(self.place(application, "/corrections"), json=body, headers=self.headers)
        return int(expect(response, 202).json()["position"])

    async def withdraw(self, application: UUID) -> int:
        """Take the application back. Returns: the position."""
        response = await self.http.post(self.place(application, "/withdrawal"), headers=self.headers)
        return int(expect(response, 202).json()["position"])

    async def certificate(self, number: str) -> bytes:
        """The signed PDF, which the service gives to its holder."""
        for service in CERTIFICATES:
            url = f"{self.stack.url(service)}/v1/certificates/{number}/pdf"
            answer = await self.http.get(url, headers=self.headers)
            if answer.status_code != 404:
                break
        return expect(answer, 200).content


@dataclass(frozen=True, slots=True)
class Officer:
    """An officer of the departments of one deployment of approvals."""

    stack: Stack
    http: httpx.AsyncClient
    service: str
    headers: Mapping[str, str]

    @classmethod
    async def sign_in(cls, stack: Stack, http: httpx.AsyncClient, service: str, role: str | None = None) -> "Officer":
        """service: name of a deployment, of `tongban_local.programs.APPROVALS`. role: that of its departments, if None."""
        who = demo_role(role or service.removeprefix("approvals-"))
        return cls(stack, http, service, {"Authorization": f"Bearer {await token(stack, http, who)}"})

    async def tasks(self, state: str | None = None) -> list[Json]:
        """All tasks of the departments' desks, oldest first. state: only those."""
        found: list[Json] = []
        page: Json = {"next": ""}
        while page.get("next") is not None:
            params = {"limit": "200"} | ({"state": state} if state else {})
            params |= {"after": page["next"]} if page["next"] else {}
            url = f"{self.stack.url(self.service)}/v1/tasks"
            page = expect(await self.http.get(url, params=params, headers=self.headers), 200).json()
            found += page["tasks"]
        return found

    async def tasks_of(self, application: UUID, state: str | None = None) -> list[Json]:
        """The tasks of one case."""
        return [task for task in await self.tasks(state) if task["application"] == str(application)]

    async def task(self, application: UUID, step: str) -> Json:
        """One task with its case."""
        url = f"{self.stack.url(self.service)}/v1/tasks/{application}/{step}"
        found: Json = expect(await self.http.get(url, headers=self.headers), 200).json()
        return found

    async def act(self, application: UUID, step: str, verb: str, body: Json | None = None) -> Json:
        """Do something with a task. verb: take, grant, refuse, correction and what else the interface of approvals offers."""
        url = f"{self.stack.url(self.service)}/v1/tasks/{application}/{step}/{verb}"
        task: Json = expect(await self.http.post(url, json=body or {}, headers=self.headers), 200).json()
        return task

    async def grant(self, application: UUID, step: str) -> Json:
        """Decide yes, with what the item wants said: its own examples."""
        wanted = (await self.task(application, step))["grant"]
        return await self.act(application, step, "grant", {"fields": example(wanted)})


def example(form: Json | None) -> Json:
    """A form filled in with its own examples."""
    return {} if form is None else {name: one["examples"][0] for name, one in form["properties"].items()}


async def sign_in_officers(stack: Stack, http: httpx.AsyncClient) -> list[Officer]:
    """One officer for each deployment of approvals."""
    return [await Officer.sign_in(stack, http, service) for service in APPROVALS]


async def verify_file(stack: Stack, http: httpx.AsyncClient, pdf: bytes) -> Json:
    """What the certificates service says about a file that anyone hands in: ``outcome`` and ``certificate``."""
    response = await http.post(
        f"{stack.url('certificates')}/verify",
        files={"file": ("certificate.pdf", pdf, "application/pdf")},
        headers={"Accept": "application/json"},
    )
    found: Json = expect(response, 200).json()
    return found
