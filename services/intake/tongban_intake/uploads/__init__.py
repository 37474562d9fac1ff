"""Files that applicants bring after a proof could not be fetched: checked, converted, scanned, sealed, kept beside the database.

`rules` names what is refused, `sniff` tells what a file is from its content, `convert` makes a plain picture or document of it
in a confined process (`confined`, `pictures`, `documents`, `jpeg`), `scan` asks the virus scanner, `store` keeps the sealed files.
"""
