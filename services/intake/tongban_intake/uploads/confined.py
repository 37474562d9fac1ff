"""The process in which files of strangers are opened: a file in, what became of it out.

``python -I -m tongban_intake.uploads.confined`` reads the file from its input. It answers with a line of JSON, the kind of the
result and its pages or the rule by which the file is refused, and then the result.
"""

import json
import sys
import warnings
from typing import Final

from tongban_runtime.confined import confine

from tongban_intake.uploads.rules import MAX_BYTES, FileRefusedError
from tongban_intake.uploads.sniff import kind_of, refuse_hidden

PROCESSOR_SECONDS: Final = 20


def work(content: bytes) -> tuple[dict[str, object], bytes]:
    """The answer to one file: its head and its body."""
    try:
        kind = kind_of(content)
        refuse_hidden(content, kind)
        if kind == "pdf":
            from tongban_intake.uploads.documents import rewrite

            pages, made = rewrite(content)
            media = "application/pdf"
        else:
            from tongban_intake.uploads.pictures import redraw

            media, pages, made = redraw(content, kind)
        if len(made) > MAX_BYTES:
            raise FileRefusedError("too-large")
    except FileRefusedError as error:
        return {"refused": error.rule}, b""
    except (MemoryError, RecursionError):
        return {"refused": "too-complex"}, b""
    return {"media": media, "pages": pages}, made


def main() -> None:
    confine(PROCESSOR_SECONDS)
    warnings.simplefilter("ignore")
    head, made = work(sys.stdin.buffer.read(MAX_BYTES + 1))
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + made)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
