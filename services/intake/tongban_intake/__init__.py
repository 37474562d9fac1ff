"""Intake: portal, API and status view. Its database stands on the catalogue's shelf."""

MIGRATIONS_OF = ("tongban_catalog",)
