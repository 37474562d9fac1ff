"""What the demonstration reads out of a case's events, and that it notices what must not be."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from tongban_catalog.load import load_catalog
from tongban_certificates.demo_ca import make_demo_ca
from tongban_local.demo import course, picture, proof
from tongban_local.demo.proof import ProofFailedError
from tongban_local.stack import Stack
from tongban_local.terminal import width
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events.approvals import ApprovalGranted, ApprovalOpened

CATALOG = load_catalog()
ITEM = CATALOG.item("enterprise-investment-project")
ANSWERS = ITEM.form.example()
BEGAN = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)


def events(*steps: tuple[str, float, float]) -> list[Event]:
    """Opened and granted events of steps: name, seconds at which it opened, seconds at which it was granted."""
    found: list[Event] = []
    for name, opened, granted in steps:
        department = ITEM.step(name).department
        found.append(_event(ApprovalOpened(step=name, department=department), department, opened))
        decided = ApprovalGranted(step=name, department=department, decided_by="officer", officer=UUID(int=7))
        found.append(_event(decided, department, granted))
    return found


def _event(data: EventData, department: str, seconds: float) -> Event:
    return Event(
        id=uuid4(),
        source=f"/approvals/{department}",
        subject=str(UUID(int=1)),
        time=BEGAN + timedelta(seconds=seconds),
        correlationid=UUID(int=1),
        data=data,
    )


def test_departments_at_once_are_those_with_open_steps_at_one_moment() -> None:
    found = course.courses(ITEM, events(("BA", 0, 1), ("KG", 0, 4), ("HP", 1, 3), ("TD", 4, 5)))
    assert course.departments_at_once(found) == {"heritage", "development-reform"}
    pairs = {(one.step.id, other.step.id) for one, other in course.overlapping(found)}
    assert pairs == {("BA", "KG"), ("KG", "HP")}


def test_steps_one_after_the_other_do_not_overlap() -> None:
    found = course.courses(ITEM, events(("KG", 0, 1), ("TD", 1, 2)))
    assert course.overlapping(found) == []
    assert len(course.departments_at_once(found)) == 1


def test_a_step_that_did_not_wait_is_noticed() -> None:
    in_order = course.courses(ITEM, events(("KG", 0, 1), ("TD", 1, 2)))
    assert [one.step.id for one in course.check_order(in_order, ITEM, ANSWERS)] == ["TD"]
    for wrong in ((("KG", 0, 2), ("TD", 1, 3)), (("TD", 1, 3),)):
        with pytest.raises(course.OutOfOrderError, match=r"TD .* KG"):
            course.check_order(course.courses(ITEM, events(*wrong)), ITEM, ANSWERS)


def test_every_bar_lies_in_its_columns() -> None:
    found = course.courses(ITEM, events(("BA", 0, 0), ("KG", 0, 4), ("HP", 0, 9), ("TD", 4, 9), ("SG", 9, 9.001)))
    for columns in (80, 120, 200):
        lines = picture.chart(found, CATALOG.departments, columns)
        assert len(lines) == 6
        assert all(width(line) <= columns for line in lines)


def test_a_certificate_that_is_not_signed_ends_the_demonstration(tmp_path: Path) -> None:
    file = tmp_path / "not-signed.pdf"
    file.write_bytes(b"%PDF-1.7\n%%EOF\n")
    make_demo_ca(tmp_path / "signing")
    with pytest.raises(ProofFailedError, match="pdfsig"):
        proof.check_certificate(file, tmp_path / "signing" / "ca.pem")


async def test_what_does_not_come_ends_the_demonstration(tmp_path: Path) -> None:
    with pytest.raises(ProofFailedError, match="mails"):
        await proof.wait_for_mails(tmp_path, UUID(int=1), 1, timeout=0.1)
    with pytest.raises(ProofFailedError, match="certificates, notify"):
        await proof.wait_for_spans(tmp_path, "0" * 32, ("notify", "certificates"), timeout=0.1)


def test_no_memory_at_all_is_no_running_stack(tmp_path: Path) -> None:
    with pytest.raises(ProofFailedError, match="GiB"):
        proof.check_memory(Stack("none", tmp_path / "none"))
