"""What the catalogue's publisher says: service items, departments, calendars, resources. This topic is compacted by key."""

from typing import Annotated, ClassVar

from pydantic import Field

from tongban_schemas.envelope import EventData
from tongban_schemas.types import Day, DepartmentId, ItemRef, JsonObject, ResourceId

TOPIC = "tongban.catalog.v1"

Region = Annotated[str, Field(pattern=r"^[0-9]{6}$", description="GB/T 2260 code.")]


class ItemPublished(EventData):
    """One version of a service item. Key: ``item:<code>:<version>``. Published versions never change."""

    TYPE: ClassVar[str] = "cn.tongban.item.published.v1"
    TOPIC: ClassVar[str] = TOPIC

    item: ItemRef
    definition: JsonObject = Field(description="The item, valid against catalog/item.schema.json.")


class DepartmentRegistered(EventData):
    """A department that may decide steps. Key: ``department:<id>``."""

    TYPE: ClassVar[str] = "cn.tongban.department.registered.v1"
    TOPIC: ClassVar[str] = TOPIC

    department: DepartmentId
    uscc: str = Field(pattern=r"^[0-9A-Z]{18}$", description="Unified social credit code, GB 32100.")
    name_zh: str
    name_en: str
    region: Region | None = None
    supervisor: DepartmentId | None = Field(default=None, description="Who is told when this department is late.")
    keys: list[JsonObject] = Field(default_factory=list, description="Public keys (JWK, RFC 7517) of its formal acts.")


class CalendarPublished(EventData):
    """The working days of one region and year, whole. Key: ``calendar:<region>:<year>``. A later one replaces it."""

    TYPE: ClassVar[str] = "cn.tongban.calendar.published.v1"
    TOPIC: ClassVar[str] = TOPIC

    region: Region = Field(description="000000 is the whole country.")
    year: Annotated[int, Field(ge=2000, le=2200)]
    off: list[Day] = Field(description="Mondays to Fridays on which nobody works.")
    work: list[Day] = Field(default_factory=list, description="Saturdays and Sundays on which work is made up.")
    hours: list[str] = Field(
        default_factory=lambda: ["09:00-12:00", "13:30-17:30"], description="Working hours of a day, local time."
    )
    source: str = Field(description="The official notice.")


class ResourcePublished(EventData):
    """An information resource: what a department holds, in which class of sharing. Key: ``resource:<id>``."""

    TYPE: ClassVar[str] = "cn.tongban.resource.published.v1"
    TOPIC: ClassVar[str] = TOPIC

    resource: ResourceId
    provider: DepartmentId
    definition: JsonObject = Field(description="The resource, valid against catalog/resource.schema.json.")


EVENTS: tuple[type[EventData], ...] = (ItemPublished, DepartmentRegistered, CalendarPublished, ResourcePublished)
