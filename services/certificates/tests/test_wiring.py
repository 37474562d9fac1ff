"""The service as it is put together: every route has its policy, every event one handler, every worker its name."""

from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import KeySet
from pydantic import SecretStr
from tongban_certificates.registers.holder import RegisterKeyError
from tongban_certificates.settings import CertificatesSettings
from tongban_certificates.wiring import wire
from tongban_runtime.auth import Authenticator, routes_without_policy
from tongban_runtime.health import Health
from tongban_runtime.service import Runtime
from tongban_runtime.testing.clock import FakeClock

ISSUER = "http://issuer.test"


@pytest.fixture
def runtime(pool: Any, dsn: str, signing_directory: Path, tmp_path: Path) -> Runtime:
    settings = CertificatesSettings(
        instance="certificates",
        kafka="127.0.0.1:1",
        database=SecretStr(dsn),
        token_issuer=ISSUER,
        token_jwks="file:///none",
        verify_url="http://verify.test",
        signing_dir=signing_directory,
        register_key=tmp_path / "register.key",
        pull={"household-register": "http://127.0.0.1:9/household-register"},
    )
    return Runtime(
        settings=settings,
        pool=pool,
        health=Health(60),
        clock=FakeClock(),
        authenticator=Authenticator(ISSUER, KeySet([])),
    )


async def test_the_service_is_whole(runtime: Runtime) -> None:
    parts = await wire(runtime)
    assert routes_without_policy(parts.app) == []
    assert set(parts.workers) == {"issuer", "alarms", "answerer", "corrector"}
    assert {"tongban.access.v1", "tongban.evidence.v1", "tongban.catalog.v1"} <= parts.registry.topics()
    assert "/v1/registers/{resource}/events" in parts.app.openapi()["paths"]


async def test_a_lost_key_of_the_registers_stops_the_start(runtime: Runtime) -> None:
    await wire(runtime)
    settings = runtime.settings
    assert isinstance(settings, CertificatesSettings)
    settings.register_key_file.unlink()
    with pytest.raises(RegisterKeyError):
        await wire(runtime)
