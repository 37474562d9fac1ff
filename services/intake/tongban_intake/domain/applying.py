"""Who may apply for an item: a person, an organisation, or both (GB/T 39046, A.4). Pure."""

from typing import Final

from tongban_catalog.item import Item
from tongban_runtime.problems import Problem

PERSON: Final = "1"
"""The code of natural persons among those whom an item serves; the others are organisations."""


def require_may_apply(item: Item, acts_for: str | None) -> None:
    """Raises `Problem` 403 for an item of organisations alone, from who has not signed in to act for one (``acts_for``).

    Behind every sign-in is a person: what persons apply for, everyone may.
    """
    if PERSON in item.service_objects or not item.service_objects or acts_for is not None:
        return
    raise Problem(
        403,
        "for-organisations",
        f"“{item.name.zh}”由单位申请。请以法定代表人或者授权经办人的身份登录后办理。",
        f"“{item.name.en}” is for organisations. Sign in as one's legal representative or as who it has authorised.",
    )
