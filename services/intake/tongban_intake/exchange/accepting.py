"""办件受理 and 办件材料: who applies for what, when it was accepted, and what was handed in. Pure."""

from collections.abc import Iterator

from tongban_catalog.codes import citizen_id_is_valid, uscc_is_valid
from tongban_schemas.events.applications import (
    ApplicationAccepted,
    ApplicationCorrected,
    ApplicationSubmitted,
    ApplicationSupplemented,
)
from tongban_schemas.types import CHINA

from tongban_intake.exchange.case import CaseFacts
from tongban_intake.exchange.rows import Row, make_row, moment
from tongban_intake.exchange.tables import ACCEPT, CODES, MATERIAL

_PERSON, _COMPANY = CODES["service_object"]["person"], CODES["service_object"]["company"]


def accept_rows(case: CaseFacts) -> Iterator[Row]:
    """One row when the case was accepted; later corrections of the applicant's name or code change it."""
    accepted, submitted = case.history.accepted, case.history.submitted
    if accepted is None or submitted is None or not isinstance(accepted.data, ApplicationAccepted):
        return
    item, act = case.item, accepted.data.act
    body = case.departments.get(case.receiving)
    effective = accepted.data.effective_from or accepted.time
    values = {
        "project_no": case.number,
        "project_name": item.name.zh,
        "project_type": item.case_type,
        "task_code": item.code,
        "task_name": item.name.zh,
        "task_version": str(item.version),
        "catalog_code": item.standard.code if item.standard else item.code[19:],
        "org_code": body.uscc if body else "",
        "org_name": body.name_zh if body else "",
        "apply_type": CODES["handle_form"]["computer"],
        "apply_date": moment(submitted.time),
        "accept_date": moment(effective),
        "accept_doc_no": act.number if act else "",
        **_applicant(case),
    }
    holder = item.holder
    fields = {holder.name, holder.code} if holder else set()
    changes = [
        fact
        for fact in case.facts
        if isinstance(fact.data, ApplicationCorrected)
        and fact.time > accepted.time
        and fields & {*fact.data.answers, *fact.data.sealed}
    ]
    yield make_row(ACCEPT, case.subject, accepted, values, changed_by=changes)


def _applicant(case: CaseFacts) -> dict[str, str]:
    """Name, kind, and code of the holder. The kind of code follows from the code, else from whom the item serves."""
    holder, objects = case.item.holder, case.item.service_objects
    name = case.answer(holder.name if holder else None)
    code = case.answer(holder.code if holder else None).strip()
    submitted = case.history.submitted
    today = submitted.time.astimezone(CHINA).date() if submitted else None
    if today is not None and citizen_id_is_valid(code, today):
        person = True
    elif uscc_is_valid(code):
        person = False
    else:
        person = set(objects) == {_PERSON}
    others = [one for one in objects if one != _PERSON]
    return {
        "applyer_name": name,
        "applyer_type": _PERSON if person else others[0] if others else _COMPANY,
        "applyer_page_type": CODES["holder_code"]["citizen" if person else "organisation"] if code else "",
        "applyer_page_code": code,
    }


def material_rows(case: CaseFacts) -> Iterator[Row]:
    """One row for each time that a material was handed in."""
    for fact in case.facts:
        if not isinstance(fact.data, ApplicationSubmitted | ApplicationCorrected | ApplicationSupplemented):
            continue
        for name, sha256 in sorted(fact.data.materials.items()):
            material = case.item.material(name)
            values = {
                "project_no": case.number,
                "material_name": material.name.zh if material else "",
                "get_type": CODES["get_type"]["online"],
                "get_num": "1",
                "material_attach_name": sha256,
            }
            yield make_row(MATERIAL, case.subject, fact, values, part=name)
