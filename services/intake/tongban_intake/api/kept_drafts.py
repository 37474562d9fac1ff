"""A draft as it is sealed: what is filled in, and which of it the sign-in gave."""

from uuid import UUID

from pydantic import Field
from tongban_catalog.item import Item
from tongban_runtime.auth import Caller
from tongban_runtime.sealing import CaseKeys

from tongban_intake.api.bodies import DraftRequest, invalid_answers
from tongban_intake.api.context import Intake
from tongban_intake.evidence.picture import draft_body
from tongban_intake.evidence.shown import OriginShown
from tongban_intake.evidence.signed_in import otherwise, signed_in
from tongban_intake.presentation import Words
from tongban_intake.store.drafts import DRAFT_FIELD, StoredDraft


class KeptDraft(DraftRequest):
    """A draft as it is sealed. ``signed_in`` names the answers that the sign-in gave."""

    signed_in: list[str] = Field(default=[])


async def to_keep(intake: Intake, item: Item, caller: Caller, token: str, body: DraftRequest) -> KeptDraft:
    """The draft with what the sign-in gives filled in. Raises `Problem` 422 where it says something else, 401 and 503."""
    known = await signed_in(intake.sign_in, item, caller, token)
    if errors := otherwise(item, body.answers, known):
        raise invalid_answers(errors)
    answers = item.form.normalised({**body.answers, **known}, known)
    return KeptDraft.model_validate({**body.model_dump(), "answers": answers, "signed_in": sorted(known)})


def sealed(keys: CaseKeys, draft: UUID, body: KeptDraft) -> str:
    return keys.seal(draft, DRAFT_FIELD, body.model_dump_json())


def opened(keys: CaseKeys, row: StoredDraft) -> KeptDraft:
    held = draft_body(keys, row)
    return KeptDraft.model_validate({name: held[name] for name in KeptDraft.model_fields if name in held})


def signed_in_first(item: Item, body: KeptDraft, others: list[OriginShown]) -> list[OriginShown]:
    """Where answers come from: the sign-in, and for the rest what ``others`` say."""
    known = {name: item.form.label(name) for name in body.signed_in if name in item.form.fields}
    return [
        *(
            OriginShown(
                field=name, label=Words(zh=label.zh, en=label.en), origin="signed-in", value=body.answers.get(name)
            )
            for name, label in known.items()
        ),
        *(one for one in others if one.field not in known),
    ]
