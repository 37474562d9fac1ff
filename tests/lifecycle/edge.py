"""What lies around the services: the sign-in service that says who somebody is, and a ministry's system that is asked."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web

PULLED = "household-register"
"""The register that lies at the ministry."""


@dataclass(slots=True)
class Edge:
    """``people``: claims by token; ``down``: the ministry's system does not answer; ``asked``: the questions that it got."""

    address: str = ""
    down: bool = False
    people: dict[str, Mapping[str, str]] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def keep(self, holder: str, values: Mapping[str, object], at: datetime) -> None:
        """The ministry has this record from now on."""
        version = self.records.get(holder, {"version": 0})["version"] + 1
        self.records[holder] = {"values": dict(values), "version": version, "recorded_at": at.isoformat()}

    async def who(self, request: web.Request) -> web.Response:
        claims = self.people.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        return web.Response(status=401) if claims is None else web.json_response(claims)

    async def answer(self, request: web.Request) -> web.Response:
        if self.down:
            return web.Response(status=503)
        question = json.loads(await request.read())
        self.asked.append(question)
        record = self.records.get(question["holder"])
        if record is None:
            return web.json_response({"found": False}, status=404)
        values = {name: record["values"][name] for name in question["fields"]}
        return web.json_response({**record, "values": values})


@asynccontextmanager
async def edge() -> AsyncIterator[Edge]:
    """It listens on the loopback address."""
    found = Edge()
    app = web.Application()
    app.router.add_get("/userinfo", found.who)
    app.router.add_post(f"/{PULLED}", found.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        found.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield found
    finally:
        await runner.cleanup()
