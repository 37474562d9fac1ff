"""``python -m tongban_intake``: runs intake, migrates its database, rebuilds its view, or exports its cases."""

from tongban_runtime.service import main

from tongban_intake import rebuild
from tongban_intake.exchange import command as exchange
from tongban_intake.settings import Settings
from tongban_intake.wiring import wire

if __name__ == "__main__":
    main("tongban_intake", Settings, wire, {"rebuild": rebuild.command, "exchange": exchange.command})
