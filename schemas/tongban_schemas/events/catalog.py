"""What the catalogue's publisher says: service items and departments. This topic is compacted by key."""

from typing import ClassVar

from pydantic import Field

from tongban_schemas.envelope import EventData
from tongban_schemas.types import DepartmentId, ItemRef, JsonObject

TOPIC = "tongban.catalog.v1"


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


EVENTS: tuple[type[EventData], ...] = (ItemPublished, DepartmentRegistered)
