"""Two made-up registers, and the numbers of people who never lived."""

from typing import Any

from tongban_catalog.codes import citizen_check_character
from tongban_catalog.resource import Resource


def number(serial: int) -> str:
    """A valid number of a region that does not exist, born in 1880."""
    body = f"99010018800101{serial:03d}"
    return body + citizen_check_character(body)


def _both(zh: str, en: str) -> dict[str, str]:
    return {"zh": zh, "en": en}


def _field(name: str, zh: str, en: str, typed: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "name": _both(zh, en), "type": typed, **more}


def definition(
    name: str, provider: str, holder: str, *fields: dict[str, Any], kind: str = "unconditional"
) -> dict[str, Any]:
    """The definition of a resource, as the catalogue publishes it."""
    return {
        "id": name,
        "code": "3019900001/000001",
        "name": _both("示例信息", "Example"),
        "summary": _both("示例", "Example"),
        "provider": provider,
        "category": "3019900001",
        "format": _both("数据库", "Database"),
        "fields": list(fields),
        "holder": holder,
        "sharing": {"kind": kind, "mode": _both("共享平台", "Exchange")},
        "open": "none",
        "update": _both("实时", "At once"),
        "published_on": "2026-01-01",
    }


PERMITS = Resource.from_definition(
    definition(
        "residence-permit-99",
        "public-security",
        "citizen",
        _field("permit_number", "证号", "Permit number", "string", personal=True),
        _field("holder_name", "姓名", "Name", "string", personal=True),
        _field("address", "住址", "Address", "string", personal=True),
        _field("valid_until", "有效期至", "Valid until", "date"),
        _field("both_permits_valid", "双证有效", "Both permits valid", "boolean"),
        _field("members", "人数", "Members", "integer"),
        _field("kind", "类别", "Kind", "string", values=["owned", "leased", "employer"]),
    )
)
COMPANIES = Resource.from_definition(
    definition(
        "business-licence-99",
        "market-regulation",
        "enterprise",
        _field("company_name", "企业名称", "Company", "string"),
        _field("uscc", "统一社会信用代码", "USCC", "string", kind="credit-code"),
    )
)
