"""A ministry's own system, simulated: it is asked for one record of a register at a time, and sends nothing by itself.

Each register is a file ``<register>.json`` in its folder, from the holder's number to the record. It listens on the loopback
address only. Never for real use.
"""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import uvicorn
from fastapi import FastAPI, HTTPException
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.middleware.trustedhost import TrustedHostMiddleware

LOOPBACK: Final = ["127.0.0.1", "localhost"]
Register = Literal["household-register"]


class Question(BaseModel):
    """Who asks for which record, for what, on which basis, and the fields that may be answered."""

    model_config = ConfigDict(extra="forbid")

    request: str
    purpose: str = Field(min_length=1)
    basis: str = Field(min_length=1)
    fields: list[str] = Field(min_length=1)
    holder: str = Field(min_length=1, max_length=64)


def build(folder: Path) -> FastAPI:
    """The system over a folder; a register without a file is empty."""
    app = FastAPI(title="部委模拟系统 Simulated ministry", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK)

    @app.post("/{register}")
    def ask(register: Register, question: Question) -> JSONResponse:
        record = _read(folder, register).get(question.holder)
        if record is None:
            return JSONResponse({"found": False}, 404)
        known = record["values"]
        if unknown := set(question.fields) - known.keys():
            raise HTTPException(422, f"no such fields: {len(unknown)}")
        return JSONResponse({**record, "values": {name: known[name] for name in question.fields}})

    return app


def keep(folder: Path, register: Register, records: Mapping[str, Mapping[str, object]]) -> None:
    """Puts records into a register, by the holders' numbers; one that has another content counts a version on."""
    known = _read(folder, register)
    now = datetime.now(UTC).isoformat()
    for holder, values in records.items():
        before = known.get(holder)
        if before is None or before["values"] != dict(values):
            version = 1 if before is None else before["version"] + 1
            known[holder] = {"values": dict(values), "version": version, "recorded_at": now}
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{register}.new"
    fresh.write_text(json.dumps(known, ensure_ascii=False, indent=2), "utf-8")
    fresh.replace(folder / f"{register}.json")


def _read(folder: Path, register: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / f"{register}.json").read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return found


if __name__ == "__main__":
    host, port = sys.argv[1], int(sys.argv[2])
    uvicorn.run(build(Path(sys.argv[3])), host=host, port=port, log_level="warning", access_log=False)
