"""The enrolment as an item whose five proofs are fetched, the registers they lie in, and what those answer."""

from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from tongban_catalog.item import Item
from tongban_catalog.load import Catalog
from tongban_catalog.resource import Resource
from tongban_runtime.sealing import CaseKeys
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.catalog import ResourcePublished
from tongban_schemas.events.evidence import (
    EvidenceCorrected,
    EvidenceDisputeAnswered,
    EvidenceFailed,
    EvidenceNotRecorded,
    EvidenceProvided,
    EvidenceRefused,
    EvidenceRequested,
    evidence_field,
    evidence_text_field,
)
from tongban_schemas.types import JsonObject

MORNING = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
ID_NUMBER = "990101188001010015"
_FIELDS: Mapping[str, tuple[str, str, Mapping[str, tuple[str, bool]]]] = {
    "residence-permit-99": (
        "public-security",
        "citizen",
        {"holder_name": ("string", True), "address": ("string", True), "both_permits_valid": ("boolean", False)},
    ),
    "home-right-99": ("housing", "citizen", {"kind": ("string", False)}),
    "social-insurance-99": (
        "human-resources",
        "citizen",
        {"employer": ("string", False), "months": ("integer", False)},
    ),
    "business-licence-99": ("market-regulation", "citizen", {"company_name": ("string", False)}),
    "guardianship-98": ("administrative-approval-98", "citizen", {"no_guardian": ("boolean", False)}),
    "household-register": (
        "education",
        "citizen",
        {"child_name": ("string", True), "birth_date": ("date", True), "region": ("string", False)},
    ),
}
_SUPPLIES: Mapping[str, Mapping[str, str]] = {
    "residence-permit-99": {
        "parent_name": "holder_name",
        "home_address": "address",
        "both_parents_permit": "both_permits_valid",
    },
    "home-right-99": {"home_kind": "kind"},
    "social-insurance-99": {"employer_name": "employer"},
    "business-licence-99": {"employer_name": "company_name"},
    "guardianship-98": {},
    "household-register": {
        "child_name": "child_name",
        "child_birth_date": "birth_date",
        "child_household_region": "region",
    },
}
OWN = {
    "work_kind": "employed",
    "contact_name": "示例联系人",
    "contact_phone": "000-00000000",
    "contact_email": "contact@example.com",
}
"""All that the person is asked."""
GIVEN: Mapping[str, JsonObject] = {
    "residence-permit-99": {"holder_name": "示例家长", "address": "示范市示范街道 8 号", "both_permits_valid": True},
    "home-right-99": {"kind": "leased"},
    "social-insurance-99": {"employer": "示例制造有限公司", "months": 30},
    "business-licence-99": {"company_name": "示例小店"},
    "guardianship-98": {"no_guardian": True},
    "household-register": {"child_name": "示例儿童", "birth_date": "1880-05-01", "region": "980101"},
}


def _source(material: str, resource: str, when: JsonObject | None = None) -> JsonObject:
    source: JsonObject = {
        "material": material,
        "resource": resource,
        "fields": list(_FIELDS[resource][2]),
        "supplies": dict(_SUPPLIES[resource]),
        "basis": ["beijing-12"],
    }
    return source if when is None else source | {"when": when}


def proving_item(catalog: Catalog, code_end: str = "902") -> Item:
    """The enrolment with a source for each of its five materials."""
    definition = deepcopy(catalog.items["primary-school-enrolment"].definition)
    definition["code"] = definition["code"][:28] + code_end
    employed = {"required": ["work_kind"], "properties": {"work_kind": {"const": "employed"}}}
    elsewhere = {
        "required": ["child_household_region"],
        "properties": {"child_household_region": {"pattern": "^98"}},
    }
    definition["sources"] = [
        _source("residence-permit", "residence-permit-99"),
        _source("home-proof", "home-right-99"),
        _source("work-proof", "social-insurance-99", employed),
        _source("work-proof", "business-licence-99", {"not": employed}),
        _source("no-guardian-proof", "guardianship-98", elsewhere),
        _source("household-register", "household-register"),
    ]
    return Item.from_definition(definition)


def resource_definition(name: str) -> JsonObject:
    provider, holder, fields = _FIELDS[name]
    words = {"zh": name, "en": name}
    return {
        "id": name,
        "code": "399001/01",
        "name": words,
        "summary": words,
        "provider": provider,
        "category": "399001",
        "format": words,
        "fields": [
            {"id": field, "name": {"zh": field, "en": field}, "type": kind, "personal": personal}
            for field, (kind, personal) in fields.items()
        ],
        "holder": holder,
        "sharing": {"kind": "unconditional", "mode": words},
        "open": "none",
        "update": words,
        "published_on": "2026-01-01",
    }


def resources() -> dict[str, Resource]:
    return {name: Resource.from_definition(resource_definition(name)) for name in _FIELDS}


def resources_published(at: datetime = MORNING) -> list[Event]:
    events = []
    for name in _FIELDS:
        subject = f"resource:{name}"
        data = ResourcePublished(resource=name, provider=_FIELDS[name][0], definition=resource_definition(name))
        events.append(Event(event_id(data.TYPE, subject), "/catalog", subject, at, uuid4(), data, 1))
    return events


def _told(request: Event, data: EventData, *extra: str, minute: int = 1, source: str | None = None) -> Event:
    asked = request.data
    assert isinstance(asked, EvidenceRequested)
    return Event(
        id=event_id(data.TYPE, request.subject, *extra),
        source=source or f"/certificates/{asked.provider}",
        subject=request.subject,
        time=request.time + timedelta(minutes=minute),
        sequence=minute,
        correlationid=request.correlationid,
        causationid=request.id,
        data=data,
    )


def _head(request: Event) -> dict[str, Any]:
    asked = request.data
    assert isinstance(asked, EvidenceRequested)
    return {
        "request": request.id,
        "resource": asked.resource,
        "material": asked.material,
        "department": asked.provider,
    }


def provided(request: Event, keys: CaseKeys, *, source: str | None = None, **values: Any) -> Event:
    """The source's answer, with the usual record or other values of it."""
    head = _head(request)
    plain, personal = resources()[head["resource"]].split_personal({**GIVEN[head["resource"]], **values})
    name = event_id(EvidenceProvided.TYPE, request.subject, str(request.id), "answer")
    sealed = {field: keys.seal(name, evidence_field(head["material"], field), text) for field, text in personal.items()}
    data = EvidenceProvided(**head, values=plain, sealed=sealed, recorded_at=MORNING - timedelta(days=30))
    return _told(request, data, str(request.id), "answer", source=source)


def not_recorded(request: Event) -> Event:
    return _told(request, EvidenceNotRecorded(**_head(request)), str(request.id), "answer")


def failed(request: Event, *, final: bool) -> Event:
    data = EvidenceFailed(**_head(request), reason="source-unreachable", final=final)
    return _told(request, data, str(request.id), "final" if final else "retrying")


def refused(request: Event, keys: CaseKeys) -> Event:
    name = event_id(EvidenceRefused.TYPE, request.subject, str(request.id), "answer")
    reason = keys.seal(name, evidence_text_field(_head(request)["material"]), "不在提供范围内")
    data = EvidenceRefused(**_head(request), ground="purpose-not-covered", basis="示例办法第一条", reason=reason)
    return _told(request, data, str(request.id), "answer")


def corrected(request: Event, gave: Event, **values: Any) -> Event:
    """A correction of fields that are not personal."""
    data = EvidenceCorrected(
        **_head(request),
        provided=gave.id,
        cause="source",
        changed=sorted(values),
        values=values,
        recorded_at=MORNING,
    )
    return _told(request, data, str(gave.id), "2", minute=5)


def dispute_answered(request: Event, keys: CaseKeys, dispute: UUID) -> Event:
    name = event_id(EvidenceDisputeAnswered.TYPE, request.subject, str(dispute))
    text = keys.seal(name, evidence_text_field(_head(request)["material"]), "经核查，记录无误")
    data = EvidenceDisputeAnswered(**_head(request), dispute=dispute, outcome="upheld", text=text)
    return _told(request, data, str(dispute), minute=9)
