"""Command line of notify."""

from tongban_runtime.service import main

from tongban_notify.settings import Settings
from tongban_notify.wiring import wire

if __name__ == "__main__":
    main("tongban_notify", Settings, wire)
