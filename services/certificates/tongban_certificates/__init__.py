"""Certificates: issue, sign, verify. Its database stands on the catalogue's shelf."""

MIGRATIONS_OF = ("tongban_catalog",)
