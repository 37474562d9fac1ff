"""What officers do about proofs: comparing an upload with the original, and not accepting a source's refusal."""

from uuid import UUID

from tongban_catalog.proofs import Proof
from tongban_catalog.speakers import seen_materials
from tongban_runtime.auth import Caller
from tongban_runtime.database import Tx
from tongban_runtime.keys import Attempt
from tongban_schemas.events.evidence import EvidenceChecked, EvidenceObjected, evidence_text_field

from tongban_approvals.actions.conflicts import conflict_problem, not_found
from tongban_approvals.actions.desk import Desk, enter
from tongban_approvals.actions.opening import opened
from tongban_approvals.casework import Casework
from tongban_approvals.domain.evidence import objection_stage
from tongban_approvals.store import DeskTask


async def check(
    tx: Tx, casework: Casework, caller: Caller, application: UUID, step: str, material: str, seen: UUID | None
) -> DeskTask:
    """Says that an uploaded proof was compared with the original: it carries grade B. Raises `Problem` 404 or 409.

    ``seen`` is the upload that was compared, when the officer says which.
    """
    desk = await enter(tx, casework, caller, application, step)
    proof = await _proof(desk, material)
    if seen is not None and proof is not None and proof.uploaded not in (None, str(seen)):
        raise conflict_problem("evidence-replaced")
    if (earlier := _checked(desk, proof)) is not None:
        if earlier.officer == caller.id:
            return desk.task
        raise conflict_problem("checked-already")
    _require_acting(desk)
    if proof is None or proof.uploaded is None or proof.state != "uploaded" or proof.grade != "C":
        raise conflict_problem("nothing-to-check", proof=proof.state if proof else None)
    data = EvidenceChecked(
        uploaded=UUID(proof.uploaded), material=material, department=desk.task.department, step=step, officer=caller.id
    )
    return await desk.decide(tx, (data, (proof.uploaded,)))


async def object_to(
    tx: Tx, casework: Casework, caller: Caller, application: UUID, step: str, material: str, argument: str
) -> DeskTask:
    """Does not accept a source's refusal: asks it again, then the authority above it. Raises `Problem` 404 or 409."""
    desk = await enter(tx, casework, caller, application, step)
    proof = await _proof(desk, material)
    if proof is not None and proof.state == "objected":
        if await _is_repeated(desk, proof, argument):
            return desk.task
        raise conflict_problem("objected-already")
    _require_acting(desk)
    if proof is None or proof.state != "refused" or proof.request is None or proof.refusal is None:
        raise conflict_problem("nothing-to-object-to", proof=proof.state if proof else None)
    stage = objection_stage(proof)
    if stage is None:
        raise conflict_problem("objections-over")
    names, field = (proof.refusal,), evidence_text_field(material)
    data = EvidenceObjected(
        request=UUID(proof.request),
        refusal=UUID(proof.refusal),
        material=material,
        department=desk.task.department,
        stage=stage,
        argument=desk.seal(await desk.keys(field), EvidenceObjected, names, field, argument),
        officer=caller.id,
    )
    return await desk.decide(tx, (data, names))


async def _proof(desk: Desk, material: str) -> Proof | None:
    """The proof, if the step looks at it; whoever reaches for another one is put on record. Raises `Problem` 404."""
    if material not in seen_materials(desk.item, desk.step):
        if desk.item.material(material) is not None:
            task = desk.task
            attempt = Attempt(task.application, "decide", "scope", task.department, task.step, officer=desk.caller.id)
            await desk.casework.keyring.turned_away([attempt])
        raise not_found()
    return desk.history.proofs.get(material)


def _require_acting(desk: Desk) -> None:
    """The step is this officer's to act on; that it waits for the applicant does not matter. Raises `Problem` 409."""
    if desk.task.state != "correction":
        desk.require_free()


def _checked(desk: Desk, proof: Proof | None) -> EvidenceChecked | None:
    """The check of the upload that stands now, whoever made it."""
    if proof is None or proof.uploaded is None:
        return None
    found = desk.fact(proof.fact)
    return found.data if found is not None and isinstance(found.data, EvidenceChecked) else None


async def _is_repeated(desk: Desk, proof: Proof, argument: str) -> bool:
    for fact in desk.play.known:
        data = fact.data
        if isinstance(data, EvidenceObjected) and str(data.refusal) == proof.refusal and data.officer == desk.caller.id:
            field = evidence_text_field(proof.material)
            return opened(await desk.keys(field), field, data.argument) == argument
    return False
