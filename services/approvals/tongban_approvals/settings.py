"""Settings of one deployment of approvals."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode
from tongban_runtime.settings import RuntimeSettings

_DEPARTMENT = re.compile(r"[a-z][a-z0-9-]{1,40}")


def _split(value: Any) -> Any:
    if isinstance(value, str):
        return frozenset(name.strip() for name in value.split(",") if name.strip())
    return value


def _require_departments(value: frozenset[str]) -> frozenset[str]:
    if not value:
        raise ValueError("name at least one department, as in TONGBAN_APPROVALS_DEPARTMENTS=ecology,housing")
    wrong = sorted(name for name in value if not _DEPARTMENT.fullmatch(name))
    if wrong:
        raise ValueError(f"no department ids: {', '.join(wrong)}; an id is like market-regulation")
    return value


Departments = Annotated[frozenset[str], NoDecode, BeforeValidator(_split), AfterValidator(_require_departments)]


class Settings(RuntimeSettings):
    approvals_departments: Departments = Field(
        description="Ids of the departments whose steps this deployment decides, with commas. No other deployment may name them."
    )

    @property
    def serves_alone(self) -> Mapping[str, frozenset[str] | None]:
        return {"steps": self.approvals_departments}
