"""Proofs in words: where each comes from, how far it carries, what a case waits for. Pure."""

from collections.abc import Callable, Mapping, Sequence

from tongban_catalog.form import Text
from tongban_catalog.item import Basis, Item
from tongban_catalog.proofs import PENDING, ProofState
from tongban_schemas.events.evidence import FailureReason, Grade, RefusalGround, UploadReason

from tongban_intake.presentation.dates import time_words
from tongban_intake.presentation.shown import Department, ProofShown, Words
from tongban_intake.status import ProofStatus

GRADES: Mapping[Grade, Words] = {
    "A": Words(zh="由出具单位提供，可直接使用", en="from the issuing body, used as it is"),
    "B": Words(zh="工作人员已与原件核对", en="an officer compared it with the original"),
    "C": Words(zh="本人上传，待工作人员核对原件", en="uploaded; an officer has to see the original first"),
    "D": Words(zh="本人承诺属实", en="on the applicant's promise that it is true"),
}
_STATES: Mapping[ProofState, Words] = {
    "waiting": Words(zh="正在获取", en="being fetched"),
    "retrying": Words(zh="对方系统暂无答复，正在重试", en="the source does not answer; trying again"),
    "provided": Words(zh="已取得", en="fetched"),
    "not-recorded": Words(zh="对方没有登记", en="not on record"),
    "refused": Words(zh="对方不提供", en="not given"),
    "objected": Words(zh="正在协调提供", en="being negotiated"),
    "failed": Words(zh="未能取得", en="could not be fetched"),
    "substituted": Words(zh="无需提供", en="not needed"),
    "uploaded": Words(zh="由您提供", en="brought by you"),
}
WHY_UPLOADED: Mapping[UploadReason, Words] = {
    "fetch-failed": Words(zh="未能取得，由您提供。", en="It could not be fetched."),
    "no-source": Words(zh="没有部门能代为提供。", en="No register has it."),
    "consent-refused": Words(zh="您没有同意由系统获取。", en="You did not agree to have it fetched."),
    "notice": Words(zh="补正通知要求提交。", en="A correction notice asks for it."),
    "promise": Words(zh="您承诺过补交。", en="You promised to bring it."),
}
_FAILURES: Mapping[FailureReason, Words] = {
    "source-unreachable": Words(zh="对方系统连接不上", en="the source could not be reached"),
    "source-error": Words(zh="对方系统出错", en="the source's system failed"),
    "expired": Words(zh="期限内没有答复", en="no answer came in time"),
    "no-holder": Words(zh="没有可供查找的身份信息", en="there was no verified number to look it up by"),
}
_GROUNDS: Mapping[RefusalGround, Words] = {
    "forbidden-by-law": Words(zh="依法不得提供", en="a law forbids it"),
    "purpose-not-covered": Words(zh="不在可提供的用途内", en="the purpose is not covered"),
    "not-held": Words(zh="对方不持有该数据", en="the source does not hold it"),
    "under-investigation": Words(zh="数据正在核查", en="the record is under investigation"),
    "request-incomplete": Words(zh="请求不完整", en="the request was incomplete"),
}


def proofs_shown(
    found: Mapping[str, ProofStatus], item: Item | None, department: Callable[[str], Department]
) -> list[ProofShown]:
    """The proofs in the order of the item's materials; those that it does not have come last."""
    order = [one.id for one in item.materials] if item is not None else []
    names = sorted(found, key=lambda name: (order.index(name) if name in order else len(order), name))
    return [_shown(name, found[name], item, department) for name in names]


def waited_for(proofs: Sequence[ProofShown]) -> Words | None:
    """What the case waits for, named with who has to give it; None when nothing is pending."""
    waiting = [one for one in proofs if one.pending]
    if not waiting:
        return None
    zh = "、".join(f"{one.provider.name.zh if one.provider else ''}的“{one.name.zh}”" for one in waiting)
    en = ", ".join(f"“{one.name.en}” from {one.provider.name.en if one.provider else 'its source'}" for one in waiting)
    return Words(zh=f"还在等待{zh}。", en=f"Still awaited: {en}.")


def grade_words(grade: str | None) -> Words | None:
    return {str(name): words for name, words in GRADES.items()}.get(grade or "")


def reason_words(reason: str | None) -> Words | None:
    """A failure's reason or a refusal's ground; one that is not known goes by its code."""
    if reason is None:
        return None
    known = {str(name): words for table in (_FAILURES, _GROUNDS) for name, words in table.items()}
    return known.get(reason, Words(zh=reason, en=reason))


def basis_cited(basis: Basis) -> Words:
    """A basis as acts cite it: the article and what it says."""
    if basis.law is None:
        return basis_words(basis)
    article = basis_words(basis)
    return Words(zh=f"{article.zh}：{basis.says.zh}", en=f"{article.en}: {basis.says.en}")


def basis_words(basis: Basis) -> Words:
    """An article of a law, or what a local habit says."""
    if basis.law is None:
        return Words(zh=basis.says.zh, en=basis.says.en)
    return Words(zh=f"{basis.law.zh}第{basis.article}条", en=f"{basis.law.en}, art. {basis.article}")


def _shown(material: str, told: ProofStatus, item: Item | None, department: Callable[[str], Department]) -> ProofShown:
    rules = () if item is None else item.substitutions
    rule = rules[told.rule] if told.rule is not None and told.rule < len(rules) else None
    provider = None if told.provider is None else department(told.provider)
    rests_on = [_name(item, name) for name in told.rests_on]
    return ProofShown(
        material=material,
        name=_name(item, material),
        state=told.state,
        state_name=_STATES[told.state],
        provider=provider,
        resource=told.resource,
        grade=told.grade,
        grade_words=grade_words(told.grade),
        at=told.at,
        expires=told.expires,
        recorded_at=told.recorded_at,
        valid_until=told.valid_until,
        reason=told.reason,
        reason_words=reason_words(told.reason),
        rule=None if rule is None else _words(rule.by),
        rule_basis=[] if rule is None else [basis_words(one) for one in rule.basis],
        rests_on=rests_on,
        upload_allowed=told.upload_allowed,
        overdue=told.overdue,
        disputed=told.disputed,
        corrected_at=told.corrected_at,
        changed=list(told.changed),
        pending=told.state in PENDING,
        words=_sentence(told, provider, None if rule is None else rule.by, rests_on),
    )


def _sentence(told: ProofStatus, provider: Department | None, rule: Text | None, rests_on: Sequence[Words]) -> Words:
    who = Words(zh="有关部门", en="its source") if provider is None else provider.name
    reason = reason_words(told.reason) or Words(zh="未说明原因", en="no reason was given")
    until = Words(zh="", en="") if told.expires is None else time_words(told.expires)
    late = Words(zh="对方已超期，已报其上级。", en=" It is late; its supervisor was told.") if told.overdue else None
    match told.state:
        case "waiting":
            found = Words(
                zh=f"正在向{who.zh}获取，您无需操作。", en=f"Being fetched from {who.en}; you need do nothing."
            )
        case "retrying":
            found = Words(
                zh=f"{who.zh}的系统暂时没有答复，正在自动重试，最迟到{until.zh}；只有这一项在等待，其他照常进行。",
                en=f"{who.en} does not answer; it is tried again until {until.en}. Only this proof waits.",
            )
        case "provided":
            found = Words(zh=f"{who.zh}已提供。", en=f"{who.en} gave it.")
        case "not-recorded":
            found = Words(zh=f"{who.zh}没有这项登记，请您提供。", en=f"{who.en} has no such record: please bring it.")
        case "refused":
            found = Words(
                zh=f"{who.zh}没有提供：{reason.zh}。请您提供。",
                en=f"{who.en} did not give it: {reason.en}. Please bring it.",
            )
        case "objected":
            found = Words(
                zh=f"{who.zh}没有提供，使用部门已要求重新答复，您无需操作。",
                en=f"{who.en} did not give it and was asked again; you need do nothing.",
            )
        case "failed":
            found = Words(
                zh=f"没能从{who.zh}取得：{reason.zh}。请您提供。",
                en=f"It could not be fetched from {who.en}: {reason.en}. Please bring it.",
            )
        case "substituted":
            found = _substituted(rule, rests_on)
        case "uploaded":
            grade = grade_words(told.grade)
            found = (
                Words(zh="您已提供。", en="You brought it.")
                if grade is None
                else Words(zh=f"您已提供，{grade.zh}。", en=f"You brought it, {grade.en}.")
            )
    return found if late is None else Words(zh=found.zh + late.zh, en=found.en + late.en)


def _substituted(rule: Text | None, rests_on: Sequence[Words]) -> Words:
    zh = "无需提供" if rule is None else f"无需提供：{rule.zh}"
    en = "Not needed" if rule is None else f"Not needed: {rule.en}"
    if not rests_on:
        return Words(zh=f"{zh}。", en=f"{en}.")
    names_zh = "、".join(f"“{one.zh}”" for one in rests_on)
    names_en = ", ".join(f"“{one.en}”" for one in rests_on)
    return Words(zh=f"{zh}（依据已取得的{names_zh}）。", en=f"{en} (by {names_en}, which was fetched).")


def _name(item: Item | None, material: str) -> Words:
    declared = None if item is None else item.material(material)
    return Words(zh=material, en=material) if declared is None else _words(declared.name)


def _words(text: Text) -> Words:
    return Words(zh=text.zh, en=text.en)
