"""A vault over HTTP for a process under test: it signs everybody in, and gives the keys that tests give a case."""

import asyncio
import base64
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from tongban_runtime.keys import RELEASES
from tongban_runtime.testing.keys import case_keys
from tongban_schemas.types import JsonObject


@asynccontextmanager
async def vault() -> AsyncIterator[dict[str, str]]:
    """Runs it; gives the settings that lead a process to it."""
    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})

    @app.post("/oauth/token")
    async def token() -> JsonObject:
        return {"access_token": "for-this-test", "token_type": "Bearer", "expires_in": 600}

    @app.post(RELEASES)
    async def releases(body: JsonObject) -> JsonObject:
        return {
            "releases": [
                {
                    "keys": {
                        field: base64.urlsafe_b64encode(key).decode()
                        for field, key in case_keys(one["application"]).keys(one["fields"]).items()
                    }
                }
                for one in body["requests"]
            ]
        }

    listening = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve([listening]))
    try:
        yield {
            "TONGBAN_VAULT_URL": address,
            "TONGBAN_TOKEN_URL": f"{address}/oauth/token",
            "TONGBAN_CLIENT_ID": "notify",
            "TONGBAN_CLIENT_SECRET": "for-this-test",
        }
    finally:
        server.should_exit = True
        await serving
