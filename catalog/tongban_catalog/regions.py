"""What places are called: nobody is shown the code of a region. Data, read once."""

from functools import cache
from importlib.resources import files

import yaml

from tongban_catalog.form import Text, text


def region_name(code: str) -> Text | None:
    """The name of the place with a code of GB/T 2260, or of the nearest one that holds it; None when none has a name."""
    known = _names()
    return next((known[one] for one in (code, f"{code[:4]}00", f"{code[:2]}0000") if one in known), None)


@cache
def _names() -> dict[str, Text]:
    document = yaml.safe_load((files("tongban_catalog") / "regions.yaml").read_text(encoding="utf-8"))
    return {code: text(name) for code, name in document.items()}
