"""``python -m tongban_intake``: runs intake, migrates its database, rebuilds its view, exports its cases, keeps its vault."""

from tongban_runtime.service import main

from tongban_intake import rebuild
from tongban_intake.exchange import command as exchange
from tongban_intake.settings import Settings
from tongban_intake.vault import command as vault
from tongban_intake.wiring import wire

COMMANDS = {
    "rebuild": rebuild.command,
    "exchange": exchange.command,
    "erase": vault.erase_command,
    "rotate-keys": vault.rotate_command,
    "ledger": vault.ledger_command,
}

if __name__ == "__main__":
    main("tongban_intake", Settings, wire, COMMANDS)
