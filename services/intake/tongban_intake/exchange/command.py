"""``python -m tongban_intake exchange --out FOLDER``: reads every fact from Kafka, maps, writes. Commits no offset."""

import argparse
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from tongban_catalog.item import Item
from tongban_catalog.publish import standing_events
from tongban_catalog.reading import read_topic
from tongban_runtime import logs
from tongban_runtime.clock import SystemClock
from tongban_runtime.command_line import Command
from tongban_runtime.database import create_pool
from tongban_runtime.records import Record, Unreadable
from tongban_runtime.records import read as read_by_rule
from tongban_runtime.sealing import CaseKeys, KeyMissingError
from tongban_schemas.envelope import Event
from tongban_schemas.events import EVENTS, applications, approvals, catalog, certificates
from tongban_schemas.events.catalog import DepartmentRegistered, ItemPublished

from tongban_intake.exchange.case import Catalogue
from tongban_intake.exchange.export import Exported, write
from tongban_intake.exchange.mapping import rows_of
from tongban_intake.exchange.rows import Problem, Row
from tongban_intake.settings import Settings
from tongban_intake.vault import KeyEncryption, Vault

_TOPICS = (applications.TOPIC, approvals.TOPIC, certificates.TOPIC)


@dataclass(slots=True)
class Facts:
    """The facts of every case by application, each once, and the records that are no readable facts."""

    cases: dict[str, dict[str, Event]] = field(default_factory=lambda: defaultdict(dict))
    problems: list[Problem] = field(default_factory=list)


async def read_facts(kafka: str, prefix: str) -> Facts:
    """Reads the topics of cases from offset zero to where they end now. Raises as `tongban_catalog.reading.read_topic`."""
    found = Facts()

    for topic in _TOPICS:

        def take(record: Any, topic: str = topic) -> None:
            event = read_by_rule(Record.of(record), topic, EVENTS)
            if isinstance(event, Event):
                found.cases[event.subject].setdefault(str(event.id), event)
            elif isinstance(event, Unreadable):
                place = f"{topic}/{record.partition}/{record.offset}"
                found.problems.append(Problem("", "", "", place, (), "unreadable"))

        await read_topic(kafka, prefix + topic, take)
    return found


async def read_catalogue(kafka: str, prefix: str) -> Catalogue:
    """The published items and departments. Raises as `tongban_catalog.publish.standing_events`."""
    events = (await standing_events(kafka, prefix + catalog.TOPIC)).values()
    return Catalogue(
        {
            one.data.item: Item.from_definition(one.data.definition)
            for one in events
            if isinstance(one.data, ItemPublished)
        },
        {one.data.department: one.data for one in events if isinstance(one.data, DepartmentRegistered)},
    )


OpenKeys = Callable[[Sequence[UUID]], Awaitable[Mapping[UUID, CaseKeys]]]
"""The keys of those of the cases that have any left."""

_BATCH = 500


class _Unsealing:
    """Opens texts of the cases whose keys it was given."""

    def __init__(self, keys: Mapping[UUID, CaseKeys]) -> None:
        self._keys = keys

    def __call__(self, application: str, field: str, sealed: str) -> str:
        keys = self._keys.get(UUID(application))
        if keys is None:
            raise KeyMissingError("the personal data of the case were erased")
        return keys.open(field, sealed)


async def export(kafka: str, prefix: str, open_keys: OpenKeys, folder: Path) -> Exported:
    """All cases of a system as files in a folder. The catalogue is read last, so that it knows every item of the cases."""
    facts = await read_facts(kafka, prefix)
    known = await read_catalogue(kafka, prefix)
    rows: list[Row] = []
    problems = facts.problems
    subjects = list(facts.cases.items())
    for start in range(0, len(subjects), _BATCH):
        batch = subjects[start : start + _BATCH]
        unseal = _Unsealing(await open_keys([UUID(subject) for subject, _ in batch]))
        for subject, events in batch:
            mapped = rows_of(subject, events.values(), known, unseal)
            rows += mapped.rows
            problems += mapped.problems
    return write(folder, len(facts.cases), rows, problems)


def _options(parser: argparse.ArgumentParser) -> None:
    told = "导出目录，含个人信息，仅本人可读 folder for the files; they hold personal data and are their owner's alone"
    parser.add_argument("--out", type=Path, required=True, help=told)


async def _exchange(settings: Settings, options: argparse.Namespace) -> int:
    """Exit status 0 when the files are written. Says how many rows, and how many could not be made."""
    vault = Vault(KeyEncryption(settings.vault_dir), SystemClock())
    pool = await create_pool(settings.database.get_secret_value(), 2)
    try:
        done = await export(settings.kafka, settings.topic_prefix, partial(vault.open_many, pool), options.out)
    finally:
        await pool.close()
    logs.info("exchange.exported", cases=done.manifest["cases"], rows=sum(done.rows.values()), problems=done.problems)
    for table, count in done.rows.items():
        sys.stdout.write(f"{table}: {count}\n")
    sys.stdout.write(f"问题 problems: {done.problems}\n")
    return 0


command = Command("导出国家平台办件数据 hand cases to the national platform", _options, _exchange)
