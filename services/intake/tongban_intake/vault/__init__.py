"""The vault: the one place where the root keys of cases are. It gives keys out by rule, and puts every use on record."""

from tongban_intake.vault.kek import KeyEncryption, VaultKeysMissingError
from tongban_intake.vault.record import SOURCE
from tongban_intake.vault.rules import Asker
from tongban_intake.vault.vault import NewKey, Vault

__all__ = ["SOURCE", "Asker", "KeyEncryption", "NewKey", "Vault", "VaultKeysMissingError"]
