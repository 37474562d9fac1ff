"""Approvals: one deployment per department. Its database stands on the catalogue's shelf."""

MIGRATIONS_OF = ("tongban_catalog",)
