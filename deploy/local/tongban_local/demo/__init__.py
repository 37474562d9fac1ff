"""The demonstration: one investment project goes through every department, live, and what came of it is checked."""

from tongban_local.demo.story import run as main

__all__ = ["main"]
