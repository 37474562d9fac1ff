"""Notify: tells people, in-site and by e-mail. Its database stands on the catalogue's shelf."""

MIGRATIONS_OF = ("tongban_catalog",)
