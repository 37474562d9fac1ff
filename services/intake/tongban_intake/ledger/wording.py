"""What fields, purposes and services are called, in plain words. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from tongban_catalog.form import Text
from tongban_catalog.item import Item
from tongban_catalog.resource import Resource
from tongban_schemas.events.access import Caller, Purpose

from tongban_intake.presentation import Words

PURPOSES: Mapping[Purpose, Words] = {
    "receive": Words(zh="核对申请是否齐全", en="to check that your application is complete"),
    "decide": Words(zh="办理您的申请", en="to decide on your application"),
    "opinion": Words(zh="为您的申请出具意见", en="to give an opinion on your application"),
    "remedy": Words(zh="复查已作出的决定", en="to review a decision"),
    "certify": Words(zh="制作您的证照", en="to make your certificate"),
    "deliver": Words(zh="交付您的证照", en="to hand out your certificate"),
    "notify": Words(zh="给您发送通知", en="to write to you"),
    "evidence": Words(zh="查找您的申请所需的证明", en="to find a proof that your application needs"),
    "share": Words(zh="人工核对是否提供证明", en="to decide whether a proof is given"),
    "correct": Words(zh="把登记的更正告知用过它的部门", en="to tell those who use a record that it was corrected"),
    "explain": Words(zh="答复您的疑问", en="to answer your question"),
    "own": Words(zh="以申请人身份查看", en="as if it were their own"),
}
SERVICES: Mapping[Caller, Words] = {
    "intake": Words(zh="受理服务", en="The receiving service"),
    "approvals": Words(zh="审批服务", en="The approval service"),
    "certificates": Words(zh="证照与登记服务", en="The service of certificates and registers"),
    "notify": Words(zh="通知服务", en="The service that writes to you"),
}
_TEXTS: Mapping[str, Words] = {
    "application.correction-noticed": Words(zh="补正通知的内容", en="what a notice said"),
    "application.not-accepted": Words(zh="不予受理的理由", en="why it was not accepted"),
    "application.appealed": Words(zh="您的复议理由", en="your grounds for review"),
    "approval.refused": Words(zh="不予许可的理由", en="why it was refused"),
    "approval.correction-requested": Words(zh="要求补正的内容", en="what a department asked you to correct"),
    "approval.extended": Words(zh="延期的理由", en="why the limit was extended"),
    "approval.opinion-given": Words(zh="部门意见", en="a department's opinion"),
    "approval.annulled": Words(zh="撤销决定的理由", en="why a decision was annulled"),
    "approval.appeal-decided": Words(zh="复议决定的内容", en="what the review decided"),
    "access.doubted": Words(zh="您提出的疑问", en="what you asked"),
    "access.explained": Words(zh="对疑问的答复", en="the answer to what you asked"),
    "evidence.text": Words(zh="有关说明", en="words about it"),
    "evidence.file": Words(zh="您上传的文件", en="the file that you uploaded"),
    "evidence.lookup": Words(zh="用于查找的号码", en="the number to look it up by"),
    "certificate": Words(zh="您的证照", en="your certificate"),
    "draft": Words(zh="草稿", en="your draft"),
    "identity": Words(zh="核验过的身份", en="your verified identity"),
}


@dataclass(frozen=True, slots=True)
class Wording:
    """Names by the item of the case, and by the resources that its proofs come from."""

    item: Item | None
    resources: Mapping[str, Resource]
    of_material: Mapping[str, str]
    """The resource that a material was asked of, where one was."""

    def field(self, name: str) -> Words:
        """What a sealed field is called; one that nobody knows goes by its name."""
        kind, *rest = name.split("/")
        if kind == "evidence" and len(rest) == 2:
            return self._of(rest[0], self.resource_field(self.of_material.get(rest[0]), rest[1]))
        if kind in _TEXTS:
            about = _TEXTS[kind]
            return self._of(rest[0], about) if kind.startswith("evidence.") and kind != "evidence.lookup" else about
        if self.item is not None and name in self.item.form.fields:
            return _words(self.item.form.label(name))
        return Words(zh=name, en=name)

    def material(self, name: str) -> Words:
        found = None if self.item is None else self.item.material(name)
        return Words(zh=name, en=name) if found is None else _words(found.name)

    def resource(self, name: str | None) -> Words | None:
        found = self.resources.get(name or "")
        return None if found is None else _words(found.name)

    def resource_field(self, resource: str | None, name: str) -> Words:
        found = self.resources.get(resource or "")
        field = None if found is None else found.field(name)
        return Words(zh=name, en=name) if field is None else _words(field.name)

    def step(self, name: str | None) -> Words | None:
        if name is None:
            return None
        if self.item is None or not self.item.has_step(name):
            return Words(zh=name, en=name)
        return _words(self.item.step(name).name)

    def _of(self, material: str, what: Words) -> Words:
        whole = self.material(material)
        return Words(zh=f"{whole.zh}：{what.zh}", en=f"{whole.en}: {what.en}")


def purpose_words(purpose: str | None) -> Words:
    found = {str(name): words for name, words in PURPOSES.items()}.get(purpose or "")
    return found or Words(zh=purpose or "", en=purpose or "")


def service_words(service: str) -> Words:
    found = {str(name): words for name, words in SERVICES.items()}.get(service)
    return found or Words(zh=service, en=service)


def _words(text: Text) -> Words:
    return Words(zh=text.zh, en=text.en)
