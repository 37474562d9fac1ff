"""Answers that the verified sign-in gives: nobody is asked for them, and nobody may say otherwise.

State Council Provisions on Online Government Services, art. 7: what can be had by sharing data is not asked for again.
"""

from collections.abc import Mapping
from typing import Any, Final

from tongban_catalog.form import FieldError
from tongban_catalog.item import Item
from tongban_runtime.auth import Caller
from tongban_schemas.types import JsonObject

from tongban_intake.evidence.identity import Identity, SignInService

_OF_THE_PERSON: Final = frozenset({"name", "id_number"})


async def signed_in(service: SignInService, item: Item, caller: Caller, token: str) -> JsonObject:
    """The answers that the sign-in gives, by name; without those that it does not know.

    The service is asked only for an item that wants the person's name or number. Raises `Problem` 401 and 503.
    """
    who = Identity()
    if _OF_THE_PERSON & set(item.from_sign_in.values()):
        who = await service.identity(token, caller.id)
    said = {"name": who.name, "id_number": who.id_number, "organisation_code": caller.acts_for}
    found = {answer: said[fact] for answer, fact in item.from_sign_in.items()}
    return item.form.normalised({answer: value for answer, value in found.items() if value is not None})


def otherwise(item: Item, own: Mapping[str, Any], known: Mapping[str, Any]) -> list[FieldError]:
    """What is wrong, by field, where a person says something else than the sign-in does."""
    errors = []
    typed = item.form.normalised({name: own[name] for name in known if name in own})
    for name, value in typed.items():
        if value == known[name]:
            continue
        label = item.form.label(name)
        errors.append(
            FieldError(
                field=name,
                message_zh=f"“{label.zh}”取自您的登录信息，不必填写，请删除；草稿请重新保存。登录信息有误的，请向登录服务更正。",
                message_en=f"“{label.en}” is taken from your sign-in: leave it out, and save a draft again. "
                "If your sign-in is wrong, have it put right there.",
            )
        )
    return errors
