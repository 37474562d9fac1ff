"""Names in both languages."""

from collections.abc import Mapping

from tongban_catalog.department import Department
from tongban_catalog.form import Text
from tongban_catalog.resource import Resource

from tongban_approvals.api.bodies import Name

Departments = Mapping[str, Department]
Resources = Mapping[str, Resource]


def name_of(text: Text) -> Name:
    return Name(zh=text.zh, en=text.en)


def department_name(known: Departments, department: str) -> Name:
    found = known.get(department)
    return Name(zh=department, en=department) if found is None else name_of(found.name)


def field_name(known: Resources, resource: str | None, field: str) -> Name:
    """What a resource calls one of its fields."""
    found = known.get(resource or "")
    declared = None if found is None else next((one for one in found.fields if one.id == field), None)
    return Name(zh=field, en=field) if declared is None else name_of(declared.name)
