"""``python -m tongban_intake``: runs intake, or migrates its database."""

from tongban_runtime.service import main

from tongban_intake.settings import Settings
from tongban_intake.wiring import wire

if __name__ == "__main__":
    main("tongban_intake", Settings, wire)
