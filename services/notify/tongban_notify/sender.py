"""Hands the pending e-mails to the mail server, each to exactly one final state.

A round is one transaction: it locks the mails that are due (another sender passes over them), hands them over, then writes
their final states and the events about them, and commits. What is committed is never handed over again.

One window stays, and no protocol closes it, because a mail server takes no part in our transaction: when the process or the
database dies after the server's 250 and before the commit, the mails of that round are handed over again. They are the
same bytes under the same Message-ID, by which a server that recognises repeated deliveries (as the local one does) drops them;
one that does not would deliver at most ``batch`` mails twice.

A server that does not answer ends the round early: mails that were not tried keep their place, and the sender pauses. A vault
that does not answer ends it before the first mail. A case whose keys the vault refuses, because they were erased, gets no mail.
"""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from tongban_catalog.shelf import Shelf
from tongban_runtime import facts, logs, outbox, telemetry
from tongban_runtime.clock import Clock
from tongban_runtime.database import ENGINE_ERRORS, Pool, Tx
from tongban_runtime.health import Heartbeat
from tongban_runtime.keys import Keyring
from tongban_runtime.sealing import CaseKeys, SealBrokenError

from tongban_notify import store
from tongban_notify.domain import EMAIL_FIELD, RetryPolicy, ended
from tongban_notify.letters import Letters
from tongban_notify.mail import AddressUnusableError, compose, parse_address
from tongban_notify.names import open_text
from tongban_notify.opening import keys_of, mail_fields
from tongban_notify.smtp import Connection, HandOver, MailServer, Postponed, Taken, Undeliverable

_POLL_SECONDS = 0.2
_IDLE_ROUNDS_KEPT = 50
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Round:
    """What one round came to: how many mails were due, sent, failed for good, and put off."""

    due: int = 0
    sent: int = 0
    failed: int = 0
    postponed: int = 0
    server_answered: bool = True


@dataclass(slots=True)
class _Tries:
    waiting: deque[store.Due]
    keys: Mapping[UUID, CaseKeys]
    results: list[tuple[store.Due, HandOver, str | None]] = field(default_factory=list)
    server_answered: bool = True


class Sender:
    """A component of the process; several may run, in one process or in many."""

    def __init__(
        self,
        *,
        pool: Pool,
        shelf: Shelf,
        clock: Clock,
        keyring: Keyring,
        letters: Letters,
        server: MailServer,
        mail_from: str,
        policy: RetryPolicy,
        batch: int,
        connections: int,
        heartbeat: Heartbeat,
        rng: random.Random,
    ) -> None:
        self._pool = pool
        self._shelf = shelf
        self._clock = clock
        self._keyring = keyring
        self._letters = letters
        self._from = parse_address(mail_from)
        self._policy = policy
        self._batch = batch
        self._connections = [Connection(server) for _ in range(connections)]
        self._heartbeat = heartbeat
        self._rng = rng
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        """Sends until `stop`; a database, a vault or a mail server that does not answer is waited for."""
        idle = 0
        pause = 0.0
        try:
            while not self._stopping.is_set():
                self._heartbeat.beat()
                try:
                    done = await self.round()
                except ENGINE_ERRORS as error:
                    logs.warning("consumer.engine-unavailable", error=error, component="sender")
                    await self._wait(_FIRST_PAUSE_SECONDS)
                    continue
                idle = 0 if done.due else idle + 1
                if idle == _IDLE_ROUNDS_KEPT:
                    await self.close()
                if not done.server_answered:
                    pause = min(max(pause * 2, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
                    await self._wait(pause * self._rng.uniform(0.5, 1.0))
                    continue
                pause = 0.0
                if done.due < self._batch:
                    await self._wait(_POLL_SECONDS)
        finally:
            await self.close()

    async def close(self) -> None:
        """Ends the connections to the mail server; the next mail opens one again."""
        for connection in self._connections:
            await connection.close()

    async def round(self) -> Round:
        """Settles the mails that are due, as many as a batch holds. Raises the database's errors, `VaultUnavailableError`."""
        async with self._pool.acquire() as tx, tx.transaction():
            due = await store.take_due(tx, self._shelf, self._clock.now(), self._batch)
            if not due:
                return Round()
            keys = await keys_of(
                self._keyring,
                ((mail.notification.application, mail_fields(mail.news, mail.sealed_email)) for mail in due),
            )
            tries = _Tries(deque(due), keys)
            async with asyncio.TaskGroup() as group:
                for connection in self._connections[: len(due)]:
                    group.create_task(self._hand_over(connection, tries))
            endings = await self._settle(tx, tries)
        for ending in endings:
            message = ending.notification
            if ending.reason is None:
                logs.info("notification.sent", notification=message.id, application=message.application)
            else:
                logs.warning(
                    "notification.failed",
                    notification=message.id,
                    application=message.application,
                    reason=ending.reason,
                )
        failed = sum(ending.reason is not None for ending in endings)
        return Round(
            due=len(due),
            sent=len(endings) - failed,
            failed=failed,
            postponed=len(tries.results) - len(endings),
            server_answered=tries.server_answered,
        )

    async def _hand_over(self, connection: Connection, tries: _Tries) -> None:
        while tries.waiting and tries.server_answered:
            mail = tries.waiting.popleft()
            with telemetry.span("notify", mail.traceparent) as span:
                outcome = await self._attempt(connection, mail, tries.keys.get(mail.notification.application))
                tries.results.append((mail, outcome, telemetry.format_traceparent(span) or mail.traceparent))
            if outcome == Postponed("server_unavailable"):
                tries.server_answered = False
            self._heartbeat.beat()

    async def _attempt(self, connection: Connection, mail: store.Due, keys: CaseKeys | None) -> HandOver:
        if not mail.news.complete:
            return Postponed("names_unknown")
        if mail.sealed_email is None:
            return Undeliverable("no_address")
        if keys is None:
            return Undeliverable("address_unreadable")
        try:
            recipient = parse_address(keys.open(EMAIL_FIELD, mail.sealed_email))
        except SealBrokenError:
            return Undeliverable("address_unreadable")
        except AddressUnusableError:
            return Undeliverable("address_unusable")
        try:
            message = self._compose(mail, recipient, keys)
            return await connection.hand_over(message, self._from, recipient)
        except Exception as error:  # noqa: BLE001 - one mail that cannot be written must not hold up the others
            logs.warning("notification.retry", error=error, notification=mail.notification.id)
            connection.drop()
            return Postponed("not_writable")

    def _compose(self, mail: store.Due, recipient: str, keys: CaseKeys) -> bytes:
        return compose(
            notification=mail.notification.id,
            letter=self._letters.write(mail.news, open_text(mail.news, keys)),
            letters=self._letters,
            language=mail.language,
            sender=self._from,
            recipient=recipient,
            at=mail.created_at,
        )

    async def _settle(self, tx: Tx, tries: _Tries) -> list[store.Ending]:
        now = self._clock.now()
        endings: list[store.Ending] = []
        due_at = {}
        traces: dict[UUID, str | None] = {}
        for mail, outcome, trace in tries.results:
            traces[mail.notification.id] = trace
            match outcome:
                case Taken():
                    endings.append(store.Ending(mail.notification, None))
                case Undeliverable(reason):
                    endings.append(store.Ending(mail.notification, reason))
                case Postponed() if self._policy.is_over(mail.created_at, now):
                    endings.append(store.Ending(mail.notification, "gave_up"))
                case Postponed(reason):
                    due_at[mail.notification.id] = now + self._policy.pause(mail.attempts, self._rng.random())
                    logs.info(
                        "notification.retry",
                        notification=mail.notification.id,
                        reason=reason,
                        attempts=mail.attempts + 1,
                    )
        await self._finish(tx, endings, traces)
        if due_at:
            await store.postpone(tx, due_at)
        return endings

    async def _finish(self, tx: Tx, endings: Sequence[store.Ending], traces: dict[UUID, str | None]) -> None:
        if not endings:
            return
        now = self._clock.now()
        await facts.lock(tx, (ending.notification.application for ending in endings))
        reached = await store.finish(tx, endings, now)
        await outbox.publish(
            tx,
            [
                ended(ending.notification, now, traces[ending.notification.id], ending.reason)
                for ending in endings
                if ending.notification.id in reached
            ],
        )

    async def _wait(self, seconds: float) -> None:
        """Waits in short pieces, beating, or until `stop`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not self._stopping.is_set() and (left := until - loop.time()) > 0:
            self._heartbeat.beat()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), min(left, 1.0))
