"""``python -m tongban_approvals``: runs one deployment, or migrates its database."""

from tongban_runtime.service import main

from tongban_approvals.settings import Settings
from tongban_approvals.wiring import wire

if __name__ == "__main__":
    main("tongban_approvals", Settings, wire)
