"""``python -m bench [name ...]``: measures on engines of its own and exits 1 when a bar is missed."""

import asyncio
import importlib
import sys
import time

from tongban_local.provider import provide_engines

from bench.figures import Figure

NAMES = ("decode", "intake", "relay", "rebuild", "pipeline", "sealing")


async def _measure(names: list[str]) -> list[Figure]:
    figures: list[Figure] = []
    with provide_engines() as engines:
        for name in names:
            began = time.monotonic()
            print(f"\n{name} ...", flush=True)
            found = await importlib.import_module(f"bench.{name}").run(engines)
            print("\n".join(map(str, found)))
            print(f"({time.monotonic() - began:.0f} s)", flush=True)
            figures += found
    return figures


def main() -> None:
    names = sys.argv[1:] or list(NAMES)
    figures = asyncio.run(_measure(names))
    missed = [figure.name for figure in figures if not figure.passes]
    if missed:
        raise SystemExit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
