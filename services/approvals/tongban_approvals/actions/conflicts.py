"""Why an action is refused, and what to do instead."""

from typing import Any, Literal

from tongban_runtime.problems import Problem

from tongban_approvals.domain import ConflictKind
from tongban_approvals.domain.evidence import EvidenceGap

ActionConflict = (
    ConflictKind
    | EvidenceGap
    | Literal[
        "not-taken",
        "needs-not-met",
        "opinions-pending",
        "procedure-running",
        "already-concurred",
        "not-first-in-line",
        "quota-exhausted",
        "late-notice",
        "second-notice",
        "procedure-not-declared",
        "procedure-open-already",
        "procedure-over",
        "extension-not-declared",
        "already-extended",
        "limit-over",
        "nothing-to-annul",
        "no-appeal",
        "opinion-given",
        "opinion-lapsed",
        "opinion-cancelled",
        "joint-over",
        "nothing-to-check",
        "checked-already",
        "evidence-replaced",
        "nothing-to-object-to",
        "objected-already",
        "objections-over",
    ]
)

CONFLICTS: dict[ActionConflict, tuple[str, str]] = {
    "already-decided": (
        "本环节已经作出决定，不能再次办理；请刷新后查看结果。",
        "This step has been decided already: reload it to see the decision.",
    ),
    "application-withdrawn": (
        "申请人已撤回申请，本环节无需办理。",
        "The applicant has withdrawn the application: nothing is left to do here.",
    ),
    "application-not-accepted": (
        "本申请未予受理，本环节无需办理。",
        "The application was not accepted: nothing is left to do here.",
    ),
    "application-refused": (
        "本申请已有部门作出不予许可决定，本环节不再办理。",
        "A department has refused this application: this step is not decided any more.",
    ),
    "decision-annulled": (
        "本申请已有决定被撤销且不再重新办理，本环节不再办理。",
        "A decision of this case was annulled for good: this step is not decided any more.",
    ),
    "waiting-for-applicant": (
        "已要求申请人补正，请等待申请人答复后再办理。",
        "The applicant was asked for a correction: wait for the answer.",
    ),
    "taken-by-another-officer": (
        "本环节已由其他经办人领取；请与其联系或办理其他环节。",
        "Another officer has taken this step: speak to them or choose another step.",
    ),
    "not-taken": (
        "本环节不在您手中，无需退回；请刷新待办列表。",
        "You do not hold this step, so there is nothing to give back: reload the list.",
    ),
    "needs-not-met": (
        "本环节的前置事项尚未全部通过；请等待 needs 所列环节办结后再作决定。",
        "Steps that this one needs are not granted: wait for those listed in needs, then decide.",
    ),
    "opinions-pending": (
        "尚有征求的意见未答复且未到期；请等待 opinions 所列意见。",
        "Opinions that were asked for have neither come nor lapsed: wait for those listed in opinions.",
    ),
    "procedure-running": (
        "特别程序尚未结束；请先登记其结束再作决定。",
        "A special procedure is still open: record its end first, then decide.",
    ),
    "already-concurred": (
        "您已对本环节表示同意；须由另一名经办人同意后方可通过。",
        "You have said yes to this step already: another officer has to agree before it is granted.",
    ),
    "not-first-in-line": (
        "本事项有数量限制，按受理先后办理；请先办理 first 所列申请。",
        "This item is limited in number and goes in order of acceptance: decide the application named in first before it.",
    ),
    "quota-exhausted": (
        "本事项的数量已经用完，不能再准予；可以依法作出不予许可决定。",
        "The number that may be granted is used up: the application can only be refused.",
    ),
    "late-notice": (
        "补正通知须在本环节开始后五个工作日内一次提出，现已逾期；请依现有材料作出决定。本次要求已记录。",
        "A correction may be asked for within five working days of the step's opening, and they have passed: decide on what "
        "there is. The attempt is on record.",
    ),
    "second-notice": (
        "补正内容应当一次告知；再次补正只能针对申请人在首次补正后改动过的内容。本次要求已记录。",
        "Everything has to be named in the first notice; a further one may only name what the applicant changed since. The "
        "attempt is on record.",
    ),
    "procedure-not-declared": (
        "本事项没有为本环节规定这项特别程序，时限不能因此停止；可用的程序见 procedures。",
        "The item does not declare this special procedure for the step, so the clock may not stop for it: see procedures.",
    ),
    "procedure-open-already": (
        "这项特别程序已在进行中；请先登记其结束。",
        "This special procedure is open already: record its end first.",
    ),
    "procedure-over": (
        "这项特别程序已经结束，无需再次登记。",
        "This special procedure has ended already: there is nothing left to record.",
    ),
    "extension-not-declared": (
        "本事项没有规定这项时限可以延长；请在原时限内办结。",
        "The item does not let this limit be extended: decide within it.",
    ),
    "already-extended": (
        "时限只能延长一次，本时限已经延长过；请在延长后的时限内办结。",
        "A limit is extended once, and this one was: decide within the extended limit.",
    ),
    "limit-over": (
        "时限已经届满，不能再延长；请尽快作出决定。",
        "The limit has passed and cannot be extended any more: decide without delay.",
    ),
    "nothing-to-annul": (
        "本环节没有有效的决定可以撤销；请刷新后查看。",
        "The step has no decision that counts, so there is nothing to annul: reload it.",
    ),
    "no-appeal": (
        "没有针对本环节决定的待决复核申请；请刷新后查看。",
        "No appeal against a decision of this step waits for an answer: reload it.",
    ),
    "opinion-given": (
        "这项意见已经答复，不能更改。",
        "This opinion was given already and cannot be changed.",
    ),
    "opinion-lapsed": (
        "答复期限已过，已按事项规定处理；如有补充请直接联系征求部门。",
        "The time to answer has passed and the item's rule was applied: speak to the asking department if there is more.",
    ),
    "opinion-cancelled": (
        "征求意见的环节已经办结或终止，无需再答复。",
        "The step that asked is decided or over: no answer is needed any more.",
    ),
    "joint-over": (
        "本案没有正在计算的联合办理时限。",
        "The case has no joint limit that runs.",
    ),
    "evidence-outstanding": (
        "本环节所需的证明正在向数据源部门获取，尚未答复；请等待 materials 所列证明，不得要求申请人提交。",
        "Proofs that this step looks at are being fetched from their sources: wait for those listed in materials; the "
        "applicant may not be asked for them.",
    ),
    "evidence-unchecked": (
        "申请人上传的证明尚未与原件核对，不能作为决定依据；请先核对 materials 所列证明。",
        "Proofs that the applicant uploaded have not been compared with the originals and carry no decision: check those "
        "listed in materials first.",
    ),
    "evidence-withdrawn": (
        "materials 所列证明提供后已被数据源部门撤销，不能作为决定依据；请等待申请人重新获取，或者要求补正。",
        "The sources have withdrawn the records behind the proofs listed in materials since they gave them; they carry no "
        "decision: wait until the applicant has them fetched again, or ask for a correction.",
    ),
    "evidence-missing": (
        "未能从数据源取得 materials 所列证明，申请人也尚未提交；请等待申请人上传，或者要求补正。",
        "The proofs listed in materials could not be fetched, and the applicant has not brought them yet: wait for the upload, "
        "or ask for a correction.",
    ),
    "nothing-to-check": (
        "这项证明没有待核对的上传文件；只有申请人上传的证明（C 级）需要核对。",
        "There is nothing to check: only a proof that the applicant uploaded (grade C) is compared with the original.",
    ),
    "checked-already": (
        "这项证明已由其他经办人核对。",
        "Another officer has checked this proof already.",
    ),
    "evidence-replaced": (
        "申请人已经换成另一个文件，请打开新文件后再核对。",
        "The applicant has brought another file since: open that one before you check it.",
    ),
    "nothing-to-object-to": (
        "数据源没有拒绝提供这项证明，无需提出异议；请刷新后查看。",
        "The source has not refused this proof, so there is nothing to object to: reload the task.",
    ),
    "objected-already": (
        "已对拒绝提出异议，请等待答复。",
        "The refusal was objected to already: wait for the answer.",
    ),
    "objections-over": (
        "协商和协调均已用尽，不能再提出异议；请改由申请人上传，或者要求补正。",
        "Negotiation and mediation are both over, and the refusal stands: the applicant may bring the proof instead.",
    ),
}


def conflict_problem(kind: ActionConflict, **extra: Any) -> Problem:
    """The 409 for it."""
    return Problem(409, kind, *CONFLICTS[kind], **extra)


def not_found() -> Problem:
    """For what is not there and for what is none of the caller's business: nobody learns which."""
    return Problem(
        404,
        "task-not-found",
        "没有这项待办，或者它不属于您所在的部门。",
        "There is no such task, or it is not your department's.",
    )


def duty_required(duty: str) -> Problem:
    names = {"head": ("部门负责人", "the head of the department"), "supervisor": ("监督人员", "a supervisor")}
    zh, en = names[duty]
    return Problem(403, "duty-required", f"这项操作须由{zh}办理。", f"Only {en} may do this.", duty=duty)
