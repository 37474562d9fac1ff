"""Makes the pictures of the README anew, on the stack that `make demo` left: `python -m tests.journeys.pictures [stack]`."""

import asyncio
import subprocess
import sys
from pathlib import Path
from uuid import UUID

from tongban_catalog.load import load_catalog
from tongban_local.demo.enrolment import ITEM as ENROLMENT
from tongban_local.demo.story import ITEM
from tongban_local.people import Applicant, Officer, http_client, sign_in_officers
from tongban_local.stack import PROJECT, Stack

from tests.journeys.browser import open_page

IMAGES = PROJECT / "docs" / "images"
WIDTH = 1100
_UNDECIDED = frozenset({"HP", "RF", "GC", "WS", "GA", "WH"})


async def status_page(stack: Stack, picture: Path) -> None:
    """A case at work: what is granted, what runs in parallel, what is still to come."""
    item = load_catalog().item(ITEM)
    async with http_client() as http:
        applicant = await Applicant.sign_in(stack, http)
        officers = await sign_in_officers(stack, http)
        application, _ = await applicant.apply(item, item.form.example())
        while await _open(applicant, application) != _UNDECIDED:
            for officer in officers:
                await _grant(officer, application)
            await asyncio.sleep(0.2)
    async with open_page() as page:
        await page.size(WIDTH, 900)
        await page.open(f"{stack.url('intake')}/applications/{application}")
        await page.click("button[value=applicant]")
        await page.picture(picture, height=await page.place_of("#timeline"))


async def fetched_pages(stack: Stack, proofs: Path, ledger: Path) -> None:
    """The demonstration's enrolment: the proofs that came from registers, and who used the family's data."""
    code = load_catalog().item(ENROLMENT).code
    async with http_client() as http:
        applicant = await Applicant.sign_in(stack, http)
        answer = await http.get(f"{stack.url('intake')}/v1/ledger", headers=applicant.headers)
        case = next(line["case"]["case"] for line in answer.json()["lines"] if line["case"]["item"] == code)
    async with open_page() as page:
        await page.size(WIDTH, 900)
        await page.open(f"{stack.url('intake')}/applications/{case}/proofs")
        await page.click("button[value=applicant]")
        await page.picture(proofs, height=1000)
        await page.open(f"{stack.url('intake')}/applications/{case}/ledger")
        await page.picture(ledger, height=1000)


async def _grant(officer: Officer, application: UUID) -> None:
    for task in await officer.tasks_of(application, "open"):
        if task["step"] not in _UNDECIDED:
            await officer.grant(application, task["step"])


async def _open(applicant: Applicant, application: UUID) -> frozenset[str]:
    flow = (await applicant.status(application))["flow"]
    return frozenset(step["step"] for step in flow if step["state"] == "open")


def certificate(stack: Stack, picture: Path) -> None:
    """The first page of the newest certificate of the demonstration."""
    made = [file for file in (stack.root / "demo").glob("*.pdf") if not file.stem.endswith("-altered")]
    newest = max(made, key=lambda file: file.stat().st_mtime)
    line = ["pdftoppm", "-png", "-singlefile", "-f", "1", "-scale-to-x", "700", "-scale-to-y", "-1", str(newest)]
    subprocess.run([*line, str(picture.with_suffix(""))], check=True, timeout=60)


def main(name: str = "main") -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    stack = Stack(name)
    asyncio.run(status_page(stack, IMAGES / "status-page.png"))
    asyncio.run(fetched_pages(stack, IMAGES / "proofs.png", IMAGES / "ledger.png"))
    certificate(stack, IMAGES / "certificate.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
