"""What states, events, acts and units are called."""

from tongban_schemas.types import ActKind

from tongban_intake.presentation.shown import FlowState, LimitShown, Words
from tongban_intake.status import State
from tongban_intake.status.model import Deliveries

YES_NO: dict[bool, Words] = {True: Words(zh="是", en="yes"), False: Words(zh="否", en="no")}

STATE_NAMES: dict[State, Words] = {
    "submitted": Words(zh="已提交", en="Submitted"),
    "accepted": Words(zh="办理中", en="In progress"),
    "waiting-for-correction": Words(zh="待补正", en="Waiting for your correction"),
    "withdrawn": Words(zh="已撤回", en="Withdrawn"),
    "refused": Words(zh="不予许可", en="Refused"),
    "not-accepted": Words(zh="不予受理", en="Not accepted"),
    "revoked": Words(zh="已撤销", en="Revoked"),
    "issued": Words(zh="已办结", en="Done: certificate issued"),
}

STEP_STATE_NAMES: dict[FlowState, Words] = {
    "not-open": Words(zh="未开始", en="Not started"),
    "open": Words(zh="办理中", en="In progress"),
    "correction": Words(zh="待补正", en="Waiting for correction"),
    "granted": Words(zh="已准予", en="Granted"),
    "refused": Words(zh="不予许可", en="Refused"),
    "annulled": Words(zh="决定已撤销", en="Decision annulled"),
    "stopped": Words(zh="不再办理", en="Not continued"),
}

EVENT_NAMES: dict[str, Words] = {
    "cn.tongban.application.submitted.v1": Words(zh="提交申请", en="Application submitted"),
    "cn.tongban.application.received.v1": Words(zh="收件", en="Received"),
    "cn.tongban.application.accepted.v1": Words(zh="受理", en="Accepted"),
    "cn.tongban.application.correction-noticed.v1": Words(zh="一次性告知补正", en="Told what is missing"),
    "cn.tongban.application.notice-rejected.v1": Words(zh="再次告知被拒", en="A notice against the rules was refused"),
    "cn.tongban.application.not-accepted.v1": Words(zh="不予受理", en="Not accepted"),
    "cn.tongban.application.corrected.v1": Words(zh="已补正", en="Correction sent"),
    "cn.tongban.application.supplemented.v1": Words(zh="补交承诺材料", en="Promised materials brought"),
    "cn.tongban.application.promise-overdue.v1": Words(zh="承诺材料逾期", en="Promised materials overdue"),
    "cn.tongban.application.appealed.v1": Words(zh="提出救济申请", en="Review of a decision asked for"),
    "cn.tongban.application.withdrawn.v1": Words(zh="撤回申请", en="Withdrawn"),
    "cn.tongban.approval.opened.v1": Words(zh="开始办理", en="Step opened"),
    "cn.tongban.approval.correction-requested.v1": Words(zh="要求补正", en="Correction requested"),
    "cn.tongban.approval.notice-rejected.v1": Words(zh="再次告知被拒", en="A request against the rules was refused"),
    "cn.tongban.approval.concurred.v1": Words(zh="一名办理人员同意", en="One officer agreed"),
    "cn.tongban.approval.granted.v1": Words(zh="准予", en="Granted"),
    "cn.tongban.approval.refused.v1": Words(zh="不予许可", en="Refused"),
    "cn.tongban.approval.clock-stopped.v1": Words(
        zh="特别程序开始，时限暂停", en="Special procedure began; the clock stopped"
    ),
    "cn.tongban.approval.clock-resumed.v1": Words(
        zh="特别程序结束，时限恢复", en="Special procedure ended; the clock runs on"
    ),
    "cn.tongban.approval.extended.v1": Words(zh="延长期限", en="Limit extended"),
    "cn.tongban.approval.due-soon.v1": Words(zh="时限将到", en="Time is running out"),
    "cn.tongban.approval.overdue.v1": Words(zh="超过时限", en="Overdue"),
    "cn.tongban.approval.opinion-requested.v1": Words(zh="征求意见", en="Opinion asked for"),
    "cn.tongban.approval.opinion-given.v1": Words(zh="回复意见", en="Opinion given"),
    "cn.tongban.approval.opinion-lapsed.v1": Words(zh="逾期未回复意见", en="Opinion not given in time"),
    "cn.tongban.approval.annulled.v1": Words(zh="撤销决定", en="Decision annulled"),
    "cn.tongban.approval.appeal-decided.v1": Words(zh="作出复议决定", en="Review decided"),
    "cn.tongban.certificate.issued.v1": Words(zh="签发证照", en="Certificate issued"),
    "cn.tongban.certificate.revoked.v1": Words(zh="证照失效", en="Certificate no longer stands"),
    "cn.tongban.certificate.delivery-overdue.v1": Words(zh="证照逾期未送达", en="Certificate not delivered in time"),
    "cn.tongban.evidence.requested.v1": Words(zh="请求提供证明", en="A proof was asked for"),
    "cn.tongban.evidence.provided.v1": Words(zh="提供证明", en="A proof was given"),
    "cn.tongban.evidence.not-recorded.v1": Words(zh="没有登记", en="Not on record"),
    "cn.tongban.evidence.refused.v1": Words(zh="不提供证明", en="A proof was not given"),
    "cn.tongban.evidence.failed.v1": Words(zh="证明未能取得", en="A proof could not be fetched"),
    "cn.tongban.evidence.overdue.v1": Words(zh="提供证明逾期", en="A proof is late"),
    "cn.tongban.evidence.objected.v1": Words(zh="要求重新答复", en="A refusal was not accepted"),
    "cn.tongban.evidence.disputed.v1": Words(zh="申请人对数据有异议", en="The applicant disputes a record"),
    "cn.tongban.evidence.dispute-answered.v1": Words(zh="答复异议", en="A dispute was answered"),
    "cn.tongban.evidence.corrected.v1": Words(zh="更正数据", en="A record was corrected"),
    "cn.tongban.evidence.substituted.v1": Words(zh="依规则免交证明", en="A rule spared a proof"),
    "cn.tongban.evidence.uploaded.v1": Words(zh="上传证明", en="A proof was uploaded"),
    "cn.tongban.evidence.checked.v1": Words(zh="核对原件", en="Compared with the original"),
    "cn.tongban.notification.sent.v1": Words(zh="通知已送出", en="Notification sent"),
    "cn.tongban.notification.failed.v1": Words(zh="通知未能送出", en="Notification failed"),
}

ACT_NAMES: dict[ActKind, Words] = {
    "receipt": Words(zh="收件凭证", en="Receipt"),
    "acceptance": Words(zh="受理通知书", en="Notice of acceptance"),
    "correction-notice": Words(zh="补正通知书", en="Notice of what is missing"),
    "non-acceptance": Words(zh="不予受理通知书", en="Notice of non-acceptance"),
    "grant": Words(zh="准予许可决定书", en="Decision to grant"),
    "refusal": Words(zh="不予许可决定书", en="Decision to refuse"),
    "special-procedure": Words(zh="特别程序告知书", en="Notice of a special procedure"),
    "extension": Words(zh="延长期限通知书", en="Notice of extension"),
    "annulment": Words(zh="撤销决定书", en="Decision to annul"),
    "appeal-decision": Words(zh="复议决定书", en="Decision on review"),
}

CHANNEL_NAMES: dict[str, Words] = {"inbox": Words(zh="站内", en="in-site"), "email": Words(zh="邮件", en="by e-mail")}

_FAILURE_WORDS: dict[str, Words] = {
    "no_address": Words(zh="没有填写电子邮箱", en="no e-mail address was given"),
    "address_unreadable": Words(zh="保存的电子邮箱无法读取", en="the e-mail address that is kept cannot be read"),
    "address_unusable": Words(zh="填写的电子邮箱无法用来发信", en="no mail can be sent to the address that was given"),
    "refused": Words(
        zh="对方的邮件服务器拒收，邮箱可能写错、已停用或者已满",
        en="its mail server refused it: the address may be mistyped, closed or full",
    ),
    "gave_up": Words(
        zh="多次尝试后，邮件服务器一直没有收下", en="the mail server did not take it, though it was tried for long"
    ),
}
"""Why a message failed for good, by the reason that notify gives."""
_FAILED_OTHERWISE = Words(zh="邮件没有送到", en="it was not delivered")

_UNITS = {
    "WD": ("个工作日", "working day"),
    "ND": ("日", "day"),
    "WH": ("个工作小时", "working hour"),
    "NH": ("小时", "hour"),
}


def failure_words(ended: Deliveries) -> list[Words]:
    """Why messages of a channel failed, each reason once; a reason without words is said in general ones."""
    if ended.failed == 0:
        return []
    found = (_FAILURE_WORDS.get(reason, _FAILED_OTHERWISE) for reason in ended.reasons)
    return list({words.zh: words for words in found}.values()) or [_FAILED_OTHERWISE]


def limit_shown(number: int, unit: str) -> LimitShown:
    """A limit with its words: 20 个工作日, 20 working days; none at all is 当场, at once."""
    zh, en = _UNITS.get(unit, (unit, unit))
    if number == 0:
        words = Words(zh="当场", en="at once")
    else:
        words = Words(zh=f"{number} {zh}", en=f"{number} {en}{'' if number == 1 else 's'}")
    return LimitShown(number=number, unit=unit, words=words)
