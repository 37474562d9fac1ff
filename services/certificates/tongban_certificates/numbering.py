"""Which number a certificate gets: a new serial, or the next version of the one that it follows."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from tongban_catalog.item import Item
from tongban_runtime.database import Tx

from tongban_certificates import identifier, store
from tongban_certificates.domain import CHINA, CaseFacts, DueCertificate
from tongban_certificates.identifier import CertificateIdentifier
from tongban_certificates.store import CertificateRow

_LAST_VERSION = 999


@dataclass(frozen=True, slots=True)
class Wanted:
    """A certificate that needs a number. ``before`` is the case's own certificate that was revoked, if it had one."""

    due: DueCertificate
    facts: CaseFacts
    item: Item
    before: CertificateRow | None


@dataclass(frozen=True, slots=True)
class Numbered:
    """The identifier, and the one that it follows, if any."""

    number: str
    replaces: str | None


async def draw_numbers(tx: Tx, wanted: Mapping[UUID, Wanted], usccs: Mapping[str, str]) -> dict[UUID, Numbered]:
    """A number for each application. ``usccs``: the departments' unified social credit codes.

    What follows a certificate of the same person, kind and issuing body takes its serial with the next version. A renewal of a
    certificate that the register does not hold names it and takes a new serial; another person's is not named.
    """
    claimed = {application: _claimed(one) for application, one in wanted.items()}
    register = await store.certificates(tx, [str(one) for one in claimed.values() if one is not None])
    found: dict[UUID, Numbered] = {}
    named: dict[UUID, str] = {}
    followed: list[tuple[str, UUID, CertificateIdentifier]] = []
    for application, one in wanted.items():
        earlier = claimed[application]
        if earlier is None:
            continue
        row = register.get(str(earlier))
        if row is None:
            named[application] = str(earlier)
        elif may_follow(one, row):
            if earlier.version < _LAST_VERSION:
                followed.append((_base(earlier), application, earlier))
            else:
                named[application] = str(earlier)
    for base, application, earlier in sorted(followed, key=lambda one: one[:2]):
        version = await store.draw_version(tx, base, earlier.version)
        number = identifier.build(earlier.type_code, earlier.issuer, earlier.serial, version)
        found[application] = Numbered(str(number), str(earlier))
    groups: dict[tuple[str, int], list[UUID]] = defaultdict(list)
    for application, one in wanted.items():
        if application not in found:
            groups[one.due.issuer, one.due.decided_at.astimezone(CHINA).year].append(application)
    for (issuer, year), applications in sorted(groups.items()):
        serials = await store.draw_serials(tx, issuer, year, len(applications))
        in_order = sorted(applications, key=lambda one: (wanted[one].due.decided_at, one))
        for serial, application in zip(serials, in_order, strict=True):
            number = identifier.build(wanted[application].due.kind, usccs[issuer], f"{year}{serial:07d}")
            found[application] = Numbered(str(number), named.get(application))
    return found


def may_follow(one: Wanted, row: CertificateRow) -> bool:
    """Whether a certificate of the register may be followed by this one: issued once, to the same person, of one kind."""
    same = (row.kind, row.issuer, row.applicant) == (one.due.kind, one.due.issuer, one.facts.applicant)
    return same and row.state in ("issued", "revoked")


def _claimed(one: Wanted) -> CertificateIdentifier | None:
    """The certificate that this one follows: the case's own before, or the one that the applicant names for renewal."""
    if one.before is not None:
        return identifier.parse(one.before.number)
    told = None if one.item.renewal is None else one.facts.answers.get(one.item.renewal.previous)
    try:
        return identifier.parse(told) if isinstance(told, str) else None
    except identifier.InvalidIdentifierError:
        return None


def _base(one: CertificateIdentifier) -> str:
    return f"{one.type_code}.{one.issuer}.{one.serial}"
