from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from tongban_catalog.shelf import Shelf
from tongban_certificates.credentials import load_credentials
from tongban_certificates.demo_ca import make_demo_ca
from tongban_certificates.document import Bilingual, CertificateContent, CertificateRenderer, DecisionLine
from tongban_certificates.domain import FACTS
from tongban_certificates.handlers import CertificateHandlers
from tongban_certificates.issuing import IssuingWorker, Press
from tongban_certificates.registers.holder import HolderKey
from tongban_certificates.registers.issued import IssuedCertificates
from tongban_certificates.registers.register import Registers
from tongban_certificates.sealing import file_field
from tongban_certificates.signing import CertificateSigner
from tongban_runtime.alarms import AlarmWorker
from tongban_runtime.database import create_pool
from tongban_runtime.health import Heartbeat
from tongban_runtime.keys import Keyring
from tongban_runtime.registry import Registry
from tongban_runtime.testing.clock import FakeClock
from tongban_runtime.testing.injection import Arrival, effects
from tongban_runtime.testing.keys import TestKeyring, case_keys
from tongban_schemas.envelope import Event

from . import cases

NUMBER = "1.2.156.3005.2.11990000000000019A001.11990000000000019A.20260000001.001.X"

MakeContent = Callable[..., CertificateContent]


@pytest.fixture
def make_content() -> MakeContent:
    def make(holder: str = "通办示范置业有限公司", decisions: int = 9) -> CertificateContent:
        return CertificateContent(
            title=Bilingual("企业投资项目并联审批办结证明", "Certificate of Joint Approval of an Investment Project"),
            holder=holder,
            holder_code="91990000MA00000195",
            holder_is_person=False,
            subject="示范产业园一期工程",
            item=Bilingual("企业投资项目审批", "Enterprise investment project"),
            decisions=tuple(
                DecisionLine(
                    Bilingual(f"审批事项之{index}", f"Decision {index}"),
                    Bilingual("住房和城乡建设局", "Housing and Urban-Rural Development Bureau"),
                    date(2026, 11, index),
                )
                for index in range(1, decisions + 1)
            ),
            number=NUMBER,
            replaces=None,
            issued_on=date(2026, 11, 24),
            valid_until=None,
            issuer=Bilingual("行政审批局", "Administrative Approval Bureau"),
            verification=f"http://127.0.0.1:8103/verify/{NUMBER}",
        )

    return make


HOLDERS: Mapping[str, str] = {
    "company": "通办示范置业有限公司",
    "extensions": "王\U0002a6a5\U0002a700\U0002b740\U0002b820\U0002ceb0",
    "tibetan": "བསོད་ནམས་དབང་འདུས",
    "latin": "José Ñandú & <Söhne>",
}


@pytest.fixture
def contents(make_content: MakeContent) -> dict[str, CertificateContent]:
    """Certificates of every kind of script and font, and one of several pages, by name."""
    made = {name: make_content(holder=holder) for name, holder in HOLDERS.items()}
    return {**made, "pages": make_content(decisions=28)}


@pytest.fixture(scope="session")
def renderer() -> CertificateRenderer:
    return CertificateRenderer()


@pytest.fixture(scope="session")
def signing_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("signing")
    make_demo_ca(directory)
    return directory


@pytest.fixture(scope="session")
def signer(signing_directory: Path) -> CertificateSigner:
    return CertificateSigner(load_credentials(signing_directory))


VERIFY_URL = "http://127.0.0.1:8103"


@pytest.fixture(scope="module")
async def dsn(database: Callable[[str], Awaitable[str]]) -> str:
    return await database("tongban_certificates")


@pytest.fixture(scope="module")
async def database_pool(dsn: str) -> AsyncIterator[Any]:
    pool = await create_pool(dsn, 6)
    yield pool
    await pool.close()


@pytest.fixture
async def pool(database_pool: Any) -> Any:
    rows = await database_pool.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('schema_migrations', 'outbox_leader')"
    )
    await database_pool.execute(f"TRUNCATE {', '.join(row['tablename'] for row in rows)}")
    return database_pool


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(cases.START + timedelta(hours=1))


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def registers(shelf: Shelf) -> Registers:
    key = HolderKey(bytes(32))
    return Registers(key, issued=IssuedCertificates(key, shelf))


@pytest.fixture
def handlers(shelf: Shelf, clock: FakeClock, keyring: TestKeyring, registers: Registers) -> CertificateHandlers:
    return CertificateHandlers(shelf, clock, keyring, registers, {"administrative-approval"})


@pytest.fixture
def registry(handlers: CertificateHandlers) -> Registry:
    return handlers.registry()


@pytest.fixture
def keyring() -> TestKeyring:
    return TestKeyring()


@pytest.fixture
def alarm_worker(pool: Any, clock: FakeClock, handlers: CertificateHandlers) -> AlarmWorker:
    return AlarmWorker(pool, clock, FACTS, handlers.ring, Heartbeat("alarms"))


@pytest.fixture
def make_worker(
    pool: Any,
    clock: FakeClock,
    shelf: Shelf,
    renderer: CertificateRenderer,
    signer: CertificateSigner,
    keyring: TestKeyring,
    registers: Registers,
) -> Callable[..., IssuingWorker]:
    def make(keys: Keyring = keyring) -> IssuingWorker:
        press = Press(renderer, signer, VERIFY_URL)
        return IssuingWorker(
            pool=pool,
            clock=clock,
            shelf=shelf,
            press=press,
            keyring=keys,
            registers=registers,
            batch=16,
            parallel=2,
            heartbeat=Heartbeat("issuer"),
        )

    return make


def opened(row: Any) -> bytes:
    """The PDF of a row of ``certificate`` joined with its file."""
    return case_keys(row["application"]).open_bytes(file_field(row["number"]), row["sealed"])


async def hear(
    pool: Any, registry: Registry, events: Sequence[Event], arrival: Arrival = "in-order", seed: int = 0
) -> None:
    await pool.execute("DELETE FROM position")
    await effects(pool, registry, events, arrival, FakeClock(), seed)
