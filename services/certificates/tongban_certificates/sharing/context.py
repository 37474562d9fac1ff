"""What everything in sharing works with, and what they all have to look up."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from tongban_catalog import hearing
from tongban_catalog.item import Item
from tongban_catalog.resource import Resource
from tongban_catalog.shelf import Shelf
from tongban_runtime.clock import Clock
from tongban_runtime.database import Pool, Tx
from tongban_runtime.keys import KeyRequest, Keyring
from tongban_runtime.sealing import CaseKeys, SealBrokenError
from tongban_schemas.envelope import Event
from tongban_schemas.events.evidence import evidence_text_field, lookup_field
from tongban_schemas.types import ItemRef

from tongban_certificates.registers.model import Record
from tongban_certificates.registers.register import Asked, Registers
from tongban_certificates.sharing.domain import CASE_FACTS, HOLDER, ShareRequest, ended


@dataclass(frozen=True, slots=True)
class Sharing:
    """``departments``: those whose registers this deployment serves; None: all."""

    pool: Pool
    clock: Clock
    shelf: Shelf
    keyring: Keyring
    registers: Registers
    departments: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class Around:
    """What the catalogue and the facts of the cases say about some requests. Facts are by application, as text."""

    resources: Mapping[str, Resource]
    items: Mapping[ItemRef, Item]
    facts: Mapping[str, Sequence[Event]]

    def ended(self, request: ShareRequest) -> bool:
        return ended(self.facts.get(str(request.application), ()), self.items.get(request.item))


async def around(sharing: Sharing, tx: Tx | Pool, requests: Collection[ShareRequest]) -> Around:
    return Around(
        resources=await sharing.shelf.resources(tx),
        items=await sharing.shelf.items(tx, {one.item for one in requests}),
        facts=await hearing.recall(tx, sharing.shelf, {one.application for one in requests}, CASE_FACTS),
    )


def holder_of(request: ShareRequest, keys: CaseKeys) -> str | None:
    """By whose number the record is looked up; None when the request does not say so in a way that can be read."""
    if HOLDER not in request.lookup:
        return request.lookup_plain.get(HOLDER)
    try:
        return keys.open(lookup_field(HOLDER), request.lookup[HOLDER])
    except SealBrokenError:
        return None


def asked_for(request: ShareRequest) -> Asked:
    """On whose behalf a register elsewhere is asked."""
    return Asked(request.request, request.item.code, request.basis, request.fields)


async def pulled(sharing: Sharing, request: ShareRequest, holder: str) -> Record | None:
    """A record of a register elsewhere. Raises `SourceDownError`."""
    return await sharing.registers.find(sharing.pool, request.resource, holder, asked_for(request))


def key_request(request: ShareRequest, fields: Iterable[str], officer: UUID | None = None) -> KeyRequest:
    """The keys to answer with: for a program, or for the person who looks. The vault is asked also when all is plain."""
    return KeyRequest(
        application=request.application,
        purpose="evidence" if officer is None else "share",
        fields=frozenset(fields) or frozenset((evidence_text_field(request.material),)),
        department=request.provider,
        request=request.request,
        officer=officer,
    )
