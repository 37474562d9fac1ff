"""The receiving body's actions on a locked case: accept, give notice, refuse to accept. The transaction is the caller's.

An action that the same officer repeats with the same content changes nothing and answers the same.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tongban_catalog.form import FieldError
from tongban_catalog.grounds import OTHER_AUTHORITY, non_acceptance_grounds, require_ground
from tongban_runtime import acts, logs
from tongban_runtime.database import Tx
from tongban_runtime.problems import Problem
from tongban_runtime.sealing import CaseKeys
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.applications import (
    NON_ACCEPTANCE_FIELD,
    NOTICE_FIELD,
    ApplicationAccepted,
    ApplicationCorrectionNoticed,
    ApplicationNotAccepted,
    ApplicationNoticeRejected,
    NoticeRule,
)

from tongban_intake.casework import Casework, Known
from tongban_intake.domain import filing, receiving
from tongban_intake.domain.receiving import Asked, DeskConflict

_CONFLICTS: dict[DeskConflict, tuple[str, str]] = {
    "already-accepted": (
        "申请已经受理（逾期未告知的视为受理），不能再作收件处理。",
        "The application is accepted already (or counts as accepted, as nobody answered in time).",
    ),
    "already-not-accepted": ("申请已被决定不予受理。", "The application was not accepted already."),
    "withdrawn": ("申请人已撤回申请。", "The applicant has withdrawn the application."),
    "waiting-for-applicant": (
        "已经一次性告知补正，请等待申请人答复。",
        "A notice was given: wait for the applicant's answer.",
    ),
}
_FORBIDDEN: dict[NoticeRule, tuple[str, str]] = {
    "late-notice": (
        "已超过告知期限，申请自收到之日起即为受理，不能再要求补正（行政许可法第三十二条）；此次操作已记录在案。",
        "The time to tell what is missing is over and the application counts as accepted from the day it came in "
        "(Administrative Licensing Law art. 32). The attempt is on record.",
    ),
    "second-notice": (
        "需要补正的全部内容应当一次告知，不能就此前已可看出的内容再次要求补正（行政许可法第三十二条）；此次操作已记录在案。",
        "Everything had to be told at once: a second notice may only concern what the answer to the first one changed "
        "(Administrative Licensing Law art. 32). The attempt is on record.",
    ),
}


class Desk:
    """One officer at the receiving desk, with one locked case, its keys and the moment of the action."""

    def __init__(
        self, casework: Casework, keys: CaseKeys, known: Known, officer: UUID, now: datetime, traceparent: str | None
    ) -> None:
        self._casework = casework
        self._keys = keys
        self._known = known
        self._officer = officer
        self._now = now
        self._traceparent = traceparent

    async def accept(self, tx: Tx, promised: Sequence[str]) -> int:
        """Accepts; intake's position afterwards. Raises `Problem` 409, and 422 with ``errors`` for promises."""
        history, item = self._known.history, self._known.item
        promised = list(dict.fromkeys(promised))
        before = history.accepted
        if before is not None and isinstance(before.data, ApplicationAccepted):
            said = (before.data.officer, set(before.data.promised))
            if said == (self._officer, set(promised)):
                return before.sequence
        self._require_free()
        if errors := receiving.promise_errors(history, item, promised):
            raise invalid(
                errors, "所列材料不能承诺补交，请逐项改正。", "These materials cannot be promised: see errors."
            )
        if missing := receiving.unpromised(history, item, promised):
            raise Problem(
                409,
                "materials-missing",
                "还缺必要材料，不能受理：请一次性告知申请人补正，或者对可容缺的材料收取承诺。",
                "Required materials are missing: give notice of everything at once, or take a promise for those that allow it.",
                errors=[
                    FieldError(
                        field=filing.MATERIAL + one.id,
                        message_zh=f"缺少“{one.name.zh}”。",
                        message_en=f"“{one.name.en}” is missing.",
                    )
                    for one in missing
                ],
            )
        data = ApplicationAccepted(
            item=item.ref,
            number=history.number,
            promised=promised,
            officer=self._officer,
            act=self._casework.sign(
                self._known, "acceptance", self._now, decision="accepted", deemed=False, promised=promised
            ),
        )
        return await self._say(tx, self._event(data))

    async def notice(self, tx: Tx, fields: Sequence[str], materials: Sequence[str], message: str) -> int:
        """Tells at once everything that is wrong or missing; every missing required material is added.

        Raises `Problem` 409 and 422; a notice that the law forbids is recorded before its 409.
        """
        history, item = self._known.history, self._known.item
        asked = receiving.everything(history, item, fields, materials)
        if receiving.same_notice(history, asked, message, self._messages()):
            open_notice = history.open_notice
            return 0 if open_notice is None else open_notice.event.sequence
        if history.not_accepted is not None or history.withdrawn is not None:
            self._require_free()
        if errors := receiving.notice_errors(item, asked):
            raise invalid(errors, "补正通知有误，请逐项改正。", "The notice cannot be given like this: see errors.")
        if errors := receiving.not_to_be_asked(history, item, asked):
            logs.info(
                "desk.notice-refused",
                rule="may-not-be-asked",
                subject=history.subject,
                department=self._known.department.id,
                officer=str(self._officer),
                fields=[error["field"] for error in errors],
            )
            raise Problem(
                409,
                "may-not-be-asked",
                "能够通过数据共享取得的，不得要求申请人提供（国务院令第716号第七条）；请删去 errors 所列各项。",
                "What is fetched from its source may not be demanded of the applicant (State Council Order 716, art. 7): "
                "take out what errors names.",
                errors=errors,
            )
        if history.accepted is None or history.deemed:
            rule = receiving.forbidden(history, asked)
            if rule is not None:
                await self._reject(tx, rule, asked)
                zh, en = _FORBIDDEN[rule]
                raise Problem(409, rule, zh, en)
        self._require_free()
        ordinal = len(history.notices) + 1
        event = event_id(ApplicationCorrectionNoticed.TYPE, history.subject, str(ordinal))
        sealed = self._keys.seal(event, f"{NOTICE_FIELD}/{ordinal}", message)
        data = ApplicationCorrectionNoticed(
            department=self._known.department.id,
            fields=list(asked.fields),
            materials=list(asked.materials),
            message=sealed,
            officer=self._officer,
            act=self._casework.sign(
                self._known,
                "correction-notice",
                self._now,
                ordinal,
                decision="to-be-corrected",
                fields=list(asked.fields),
                materials=list(asked.materials),
                message_sha256=acts.digest(sealed),
            ),
        )
        return await self._say(tx, self._event(data, str(ordinal)))

    async def refuse_acceptance(self, tx: Tx, reason_code: str, reason: str, right_authority: str | None) -> int:
        """Does not accept; intake's position afterwards. Raises `Problem` 409, and 422 for a ground that there is not and without
        the right authority.
        """
        history = self._known.history
        before = history.not_accepted
        if before is not None and isinstance(before.data, ApplicationNotAccepted):
            told = self._keys.open(NON_ACCEPTANCE_FIELD, before.data.reason)
            said = (before.data.officer, before.data.reason_code, told, before.data.right_authority)
            if said == (self._officer, reason_code, reason, right_authority):
                return before.sequence
        self._require_free()
        require_ground(reason_code, non_acceptance_grounds())
        if reason_code == OTHER_AUTHORITY and right_authority is None:
            error = FieldError(
                field="right_authority",
                message_zh="请写明有权办理的机关（行政许可法第三十二条）。",
                message_en="Name the authority that is competent (Administrative Licensing Law art. 32).",
            )
            raise invalid([error], "请告知申请人向哪个机关申请。", "Tell the applicant which authority to turn to.")
        event = event_id(ApplicationNotAccepted.TYPE, history.subject)
        sealed = self._keys.seal(event, NON_ACCEPTANCE_FIELD, reason)
        data = ApplicationNotAccepted(
            department=self._known.department.id,
            reason_code=reason_code,
            reason=sealed,
            right_authority=right_authority,
            officer=self._officer,
            act=self._casework.sign(
                self._known,
                "non-acceptance",
                self._now,
                decision="not-accepted",
                reason_code=reason_code,
                reason_sha256=acts.digest(sealed),
                right_authority=right_authority,
            ),
        )
        return await self._say(tx, self._event(data))

    def _require_free(self) -> None:
        """Raises `Problem` 409 when the body has nothing to decide now."""
        kind = receiving.conflict(self._known.history)
        if kind is not None:
            zh, en = _CONFLICTS[kind]
            raise Problem(409, kind, zh, en)

    async def _reject(self, tx: Tx, rule: NoticeRule, asked: Asked) -> None:
        """Puts the attempt on record; the same attempt once."""
        data = ApplicationNoticeRejected(
            department=self._known.department.id,
            officer=self._officer,
            rule=rule,
            fields=list(asked.fields),
            materials=list(asked.materials),
        )
        attempt = hashlib.sha256(data.model_dump_json().encode()).hexdigest()
        event = self._event(data, attempt)
        if all(fact.id != event.id for fact in self._known.history.facts):
            await self._casework.say(tx, self._known, event)

    def _messages(self) -> dict[str, str]:
        """The message of the notice that stands open, by its event id."""
        history, last = self._known.history, self._known.history.open_notice
        if last is None:
            return {}
        field = f"{NOTICE_FIELD}/{len(history.notices)}"
        return {str(last.event.id): self._keys.open(field, last.data.message)}

    def _event(self, data: EventData, *discriminators: str) -> Event:
        return filing.say(
            UUID(self._known.history.subject),
            data,
            *discriminators,
            time=self._now,
            traceparent=self._traceparent,
            cause=self._known.history.facts[-1].id,
        )

    async def _say(self, tx: Tx, event: Event) -> int:
        return (await self._casework.say(tx, self._known, event)).sequence


def invalid(errors: Sequence[FieldError], zh: str, en: str) -> Problem:
    """422 with what to do by field."""
    return Problem(422, "invalid-request", zh, en, errors=list(errors))
