"""``python -m tongban_intake erase``, ``rotate-keys`` and ``ledger check``."""

import argparse
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, get_args
from uuid import UUID

from tongban_catalog.reading import read_topic
from tongban_runtime.clock import Clock, ShiftedClock, SystemClock
from tongban_runtime.command_line import Command
from tongban_runtime.database import Pool, create_pool
from tongban_runtime.records import Record, read
from tongban_runtime.settings import RuntimeSettings
from tongban_schemas.envelope import Event
from tongban_schemas.events import access
from tongban_schemas.events.access import ErasureGround

from tongban_intake.settings import Settings
from tongban_intake.uploads.store import Files
from tongban_intake.vault import chain, store
from tongban_intake.vault.erasing import Retention, erase, erase_due, finish, rotate
from tongban_intake.vault.kek import KeyEncryption
from tongban_intake.vault.vault import Vault

_MODELS = {model.TYPE: model for model in access.EVENTS}


def _erase_options(parser: argparse.ArgumentParser) -> None:
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--due", action="store_true", help="保存期限届满的全部办件 every case whose time is over")
    chosen.add_argument("--application", type=UUID, help="一个办件 one case")
    parser.add_argument(
        "--ground", choices=get_args(ErasureGround), help="依据；与 --application 同用 with --application"
    )


async def _erase(settings: RuntimeSettings, options: argparse.Namespace) -> int:
    """Destroys the keys of the cases that are due, or of one, and then the key that wrapped them."""
    if options.application is not None and options.ground is None:
        sys.stderr.write("--application 须与 --ground 同用 --application needs --ground\n")
        return 2
    async with _open(settings) as (own, pool, vault):
        if options.due:
            gone = await erase_due(pool, vault, Files(own.files), retention(own))
        else:
            async with pool.acquire() as tx, tx.transaction():
                erased = await erase(tx, vault, {options.application: options.ground})
            gone = erased.cases
            await Files(own.files).give_up(*erased.objects)
        await finish(pool, vault)
    sys.stdout.write(f"已删除 erased: {len(gone)}\n")
    return 0 if gone or options.due else 1


async def _rotate(settings: RuntimeSettings, options: argparse.Namespace) -> int:
    """Wraps every key anew and destroys the keys that wrapped before."""
    async with _open(settings) as (_, pool, vault):
        count = await rotate(pool, vault)
    sys.stdout.write(f"已重新加密 wrapped anew: {count}\n")
    return 0


def _ledger_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["check"], help="核对 compare the chain of every case with the vault")


def _no_options(parser: argparse.ArgumentParser) -> None:
    """The command takes none."""


async def _ledger(settings: RuntimeSettings, options: argparse.Namespace) -> int:
    """Checks the chain of every case on the topic against the vault; exit status 1 when something is wrong."""
    async with _open(settings) as (_, pool, __):
        known = await store.heads(pool)
        told = await read_access(settings.kafka, settings.topic_prefix)
    faults = check(told, known)
    for case, fault in faults.items():
        sys.stdout.write(f"{case}: {fault}\n")
    sys.stdout.write(f"办件 cases: {len(known)}, 有问题 wrong: {len(faults)}\n")
    return 1 if faults else 0


def retention(settings: Settings) -> Retention:
    """How long personal data are kept, as it is set."""
    return Retention(
        settings.retention_years,
        timedelta(days=settings.retention_short_days),
        timedelta(days=settings.retention_draft_days),
    )


def check(told: dict[UUID, list[tuple[int, UUID, bytes]]], known: dict[UUID, bytes | None]) -> dict[UUID, chain.Fault]:
    """What is wrong, by case. ``told``: (sequence, event id, payload) of the access facts on the topic."""
    found: dict[UUID, chain.Fault] = {}
    for case in known.keys() | told.keys():
        facts = [(event, body) for _, event, body in sorted(told.get(case, ()))]
        fault = chain.verify(facts, known.get(case))
        if fault is not None:
            found[case] = fault
    return found


async def read_access(kafka: str, prefix: str) -> dict[UUID, list[tuple[int, UUID, bytes]]]:
    """The access facts of every case as they lie on the topic, each once."""
    found: defaultdict[UUID, dict[UUID, tuple[int, UUID, bytes]]] = defaultdict(dict)

    def take(record: Any) -> None:
        event = read(Record.of(record), access.TOPIC, _MODELS)
        if isinstance(event, Event):
            found[UUID(event.subject)].setdefault(event.id, (event.sequence, event.id, record.value))

    await read_topic(kafka, prefix + access.TOPIC, take)
    return {case: list(facts.values()) for case, facts in found.items()}


@asynccontextmanager
async def _open(settings: RuntimeSettings) -> AsyncIterator[tuple[Settings, Pool, Vault]]:
    if not isinstance(settings, Settings):
        raise TypeError("intake's commands take its own Settings")
    clock: Clock = ShiftedClock(settings.clock_shift) if settings.clock_shift else SystemClock()
    pool = await create_pool(settings.database.get_secret_value(), 2)
    try:
        yield settings, pool, Vault(KeyEncryption(settings.vault_dir), clock)
    finally:
        await pool.close()


erase_command = Command("销毁密钥 erase whose time is over, so that nobody can open it again", _erase_options, _erase)
rotate_command = Command("更换密钥 wrap every key anew, and destroy those that wrapped before", _no_options, _rotate)
ledger_command = Command("核对使用台账 verify that no line was taken out of anybody's ledger", _ledger_options, _ledger)
