"""What intake's routes are given to work with."""

from dataclasses import dataclass

from fastapi import Request
from tongban_catalog.shelf import Shelf
from tongban_runtime.clock import Clock
from tongban_runtime.database import Pool
from tongban_runtime.service import Runtime

from tongban_intake.casework import Casework
from tongban_intake.evidence.identity import SignInService
from tongban_intake.evidence.work import EvidenceWork
from tongban_intake.group_commit import GroupCommit
from tongban_intake.settings import Settings
from tongban_intake.uploads.desk import Uploads
from tongban_intake.vault import KeyEncryption, Vault


@dataclass(frozen=True, slots=True)
class Intake:
    """Built once by the wiring; ``digest_secret`` keys the digests of requests."""

    settings: Settings
    pool: Pool
    clock: Clock
    vault: Vault
    shelf: Shelf
    casework: Casework
    commits: GroupCommit
    sign_in: SignInService
    uploads: Uploads
    digest_secret: bytes

    @classmethod
    def build(cls, runtime: Runtime, settings: Settings) -> "Intake":
        shelf = Shelf()
        vault = Vault(KeyEncryption(settings.vault_dir), runtime.clock, shelf)
        return cls(
            settings=settings,
            pool=runtime.pool,
            clock=runtime.clock,
            vault=vault,
            shelf=shelf,
            casework=Casework(shelf, runtime.clock, runtime.acts, EvidenceWork(shelf, vault, runtime.clock)),
            commits=GroupCommit(runtime.pool, vault, settings.group_limit),
            sign_in=SignInService(settings.userinfo_url),
            uploads=Uploads.build(settings.files, settings.scanner),
            digest_secret=vault.encryption.derive(b"intake request digest"),
        )


def intake_of(request: Request) -> Intake:
    """Intake, as `make_app` put it into the app's state."""
    found: Intake = request.app.state.intake
    return found
