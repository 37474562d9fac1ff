"""Facts that the tests of notify tell."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID, uuid5

from tongban_catalog.item import Item
from tongban_catalog.testing import signed
from tongban_runtime.testing.acts import public_keys
from tongban_runtime.testing.keys import case_keys
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events.applications import ApplicationAccepted, ApplicationCorrected, ApplicationSubmitted
from tongban_schemas.events.approvals import (
    ApprovalCorrectionRequested,
    ApprovalGranted,
    ApprovalRefused,
    correction_field,
    refusal_field,
)
from tongban_schemas.events.catalog import DepartmentRegistered, ItemPublished, ResourcePublished
from tongban_schemas.events.certificates import CertificateIssued
from tongban_schemas.types import ItemRef, JsonObject, Language

ITEM = ItemRef(code="11990000000000019A3990100001000", version=1)
PERSON = UUID("5c1d8f0a-6b2e-4f37-8d19-7e4a2c9b0f13")
ADDRESS = "canary@example.com"
MORNING = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
_OFFICER = {"by": "officer"}
DEFINITION: JsonObject = {
    "code": ITEM.code,
    "version": ITEM.version,
    "name": {"zh": "企业投资项目审批", "en": "Enterprise investment project"},
    "summary": {"zh": "企业投资项目并联审批", "en": "Joint approval of an investment project"},
    "acceptance": {"by": "officer", "department": "natural-resources", "notice": {"number": 0, "unit": "NH"}},
    "form": {
        "properties": {
            "project_name": {"type": "string", "title": "项目名称", "x-title-en": "Project name"},
            "contact_email": {"type": "string", "title": "联系邮箱", "x-personal": True},
        }
    },
    "materials": [
        {
            "id": "site-plan",
            "name": {"zh": "选址图", "en": "Site plan"},
            "issuer": {"zh": "测绘机构", "en": "Surveyor"},
            "asked_by": "natural-resources",
            "obtain": [],
        }
    ],
    "steps": [
        {
            "id": "LAND1",
            "name": {"zh": "用地预审", "en": "Land pre-examination"},
            "department": "natural-resources",
            "decide": _OFFICER,
            "procedures": [
                {
                    "id": "expert-review",
                    "name": {"zh": "专家评审", "en": "Expert review"},
                    "expected": {"number": 10, "unit": "WD"},
                }
            ],
            "opinions": [
                {
                    "id": "heritage",
                    "name": {"zh": "文物保护意见", "en": "Opinion on heritage"},
                    "department": "heritage",
                    "limit": {"number": 5, "unit": "WD"},
                    "silence": "deemed",
                }
            ],
        },
        {
            "id": "FIRE1",
            "name": {"zh": "消防设计审查", "en": "Fire design review"},
            "department": "housing",
            "decide": _OFFICER,
        },
    ],
    "certificate": {
        "kind": "11990000000000019A001",
        "issuer": "administrative-approval",
        "name": {"zh": "建筑工程施工许可证", "en": "Construction permit"},
    },
}
RESOURCE: JsonObject = {
    "id": "site-plans",
    "code": "301001001/1",
    "name": {"zh": "选址图信息", "en": "Site plans"},
    "summary": {"zh": "测绘成果", "en": "Surveys"},
    "provider": "housing",
    "category": "301001001",
    "format": {"zh": "数据库", "en": "Database"},
    "fields": [
        {"id": "owner", "name": {"zh": "权利人", "en": "Owner"}, "type": "string", "personal": True},
        {"id": "area", "name": {"zh": "面积", "en": "Area"}, "type": "integer", "personal": False},
    ],
    "holder": "citizen",
    "sharing": {"kind": "unconditional", "mode": {"zh": "接口", "en": "Interface"}},
    "open": "none",
    "update": {"zh": "实时", "en": "At once"},
    "published_on": "2026-01-01",
}
_NAMES = {
    "natural-resources": ("自然资源局", "Natural Resources Bureau"),
    "housing": ("住房和城乡建设局", "Housing and Urban-Rural Development Bureau"),
    "administrative-approval": ("行政审批局", "Administrative Approval Bureau"),
}

USCC = dict.fromkeys(_NAMES, "11990000000000019A")


Seal = Callable[[str, str], str]
"""(field, text) -> the text, sealed for one event."""


def fact(
    subject: str, source: str, sequence: int, data: EventData | Callable[[Seal], EventData], minutes: int = 0
) -> Event:
    """A fact of a case, ``minutes`` after `MORNING`. ``data`` may be made with what seals for this very event."""
    event = uuid5(UUID(subject), f"{source}|{sequence}")
    if not isinstance(data, EventData):
        data = data(partial(case_keys(subject).seal, event))
    return Event(
        id=event,
        source=source,
        subject=subject,
        time=MORNING + timedelta(minutes=minutes),
        sequence=sequence,
        correlationid=UUID(subject),
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        data=data,
    )


def submitted(
    subject: str, *, language: Language = "zh", address: str | None = ADDRESS, person: UUID = PERSON
) -> Event:

    def data(seal: Seal) -> EventData:
        sealed = {} if address is None else {"contact_email": seal("contact_email", address)}
        return ApplicationSubmitted(item=ITEM, applicant=person, region="990102", language=language, sealed=sealed)

    return fact(subject, "/intake", 1, data)


def whole_case(subject: str, *, language: Language = "zh") -> list[Event]:
    """A case with every kind of news; 8 facts owe 7 in-site messages and 5 e-mails."""
    land, housing = "/approvals/natural-resources", "/approvals/housing"

    def request(seal: Seal) -> EventData:
        message = seal(correction_field("LAND1"), "请补正")
        return ApprovalCorrectionRequested(
            step="LAND1", department="natural-resources", fields=["project_name"], message=message
        )

    def refusal(seal: Seal) -> EventData:
        reason = seal(refusal_field("FIRE1"), "不符合要求")
        return ApprovalRefused(
            step="FIRE1", department="housing", decided_by="officer", reason_code="not-safe", reason=reason
        )

    asked = fact(subject, land, 1, request, 20)
    certificate = CertificateIssued(
        item=ITEM,
        kind="11990000000000019A001",
        number="1.2.156.3005.2.11990000000000019A001.11990000000000019A.1.001.X",
        issuer="administrative-approval",
        pdf_sha256="0" * 64,
        verification="http://127.0.0.1/verify/1",
    )
    told = [
        submitted(subject, language=language),
        fact(subject, "/intake", 2, ApplicationAccepted(item=ITEM), 10),
        asked,
        fact(subject, "/intake", 3, ApplicationCorrected(request=asked.id, answers={"project_name": "甲"}), 30),
        fact(subject, land, 2, ApprovalGranted(step="LAND1", department="natural-resources", decided_by="rule"), 40),
        fact(subject, housing, 1, refusal, 50),
        fact(subject, housing, 2, ApprovalGranted(step="FIRE1", department="housing", decided_by="rule"), 60),
        fact(subject, "/certificates/administrative-approval", 1, certificate, 70),
    ]
    return signed(told, Item.from_definition(DEFINITION), USCC)


def catalog() -> list[Event]:
    """What the catalogue tells: the item and the departments."""
    events = [_entry(f"item:{ITEM.code}:1", ItemPublished(item=ITEM, definition=DEFINITION))]
    for department, (zh, en) in _NAMES.items():
        data = DepartmentRegistered(
            department=department,
            uscc=USCC[department],
            name_zh=zh,
            name_en=en,
            keys=public_keys(department),
        )
        events.append(_entry(f"department:{department}", data))
    resource = ResourcePublished(resource="site-plans", provider="housing", definition=RESOURCE)
    return [*events, _entry("resource:site-plans", resource)]


def _entry(subject: str, data: EventData) -> Event:
    return Event(
        id=uuid5(PERSON, subject),
        source="/catalog",
        subject=subject,
        time=MORNING - timedelta(days=1),
        sequence=1,
        correlationid=PERSON,
        data=data,
    )
