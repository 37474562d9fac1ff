import json
import os
import socket
from pathlib import Path

import pytest
from tongban_local import ports


@pytest.fixture(autouse=True)
def own_claims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "claims"
    folder.mkdir()
    monkeypatch.setattr(ports, "claims_folder", lambda: folder)
    return folder


def stack_root(tmp_path: Path, name: str) -> Path:
    root = tmp_path / name
    root.mkdir()
    return root


def test_ports_are_chosen_once(tmp_path: Path) -> None:
    root = stack_root(tmp_path, "one")
    first = ports.assign(root, ["kafka", "postgres"])
    assert ports.assign(root, ["postgres", "kafka"]) == first
    assert all(port in ports.PORTS for port in first.values())


def test_two_stacks_never_share_a_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "PORTS", range(21_000, 21_040))
    one = ports.assign(stack_root(tmp_path, "one"), [str(number) for number in range(12)])
    two = ports.assign(stack_root(tmp_path, "two"), [str(number) for number in range(12)])
    assert len({*one.values(), *two.values()}) == 24


def test_an_occupied_port_is_replaced(tmp_path: Path) -> None:
    root = stack_root(tmp_path, "one")
    before = ports.assign(root, ["kafka", "postgres"])
    with socket.socket() as other:
        other.bind((ports.HOST, before["kafka"]))
        other.listen()
        moved = ports.replace_occupied(root)
    assert moved == {"kafka": (before["kafka"], ports.load(root)["kafka"])}
    assert ports.load(root)["postgres"] == before["postgres"]


def test_release_gives_the_claims_back(tmp_path: Path, own_claims: Path) -> None:
    root = stack_root(tmp_path, "one")
    ports.assign(root, ["kafka"])
    ports.release(root)
    assert list(own_claims.iterdir()) == []
    assert ports.load(root) == {}


def test_a_claim_of_a_deleted_stack_is_taken_over(
    tmp_path: Path, own_claims: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "PORTS", range(21_500, 21_501))
    claim = own_claims / "21500"
    claim.write_text(str(tmp_path / "deleted"), "utf-8")
    os.utime(claim, (0, 0))
    root = stack_root(tmp_path, "one")
    assert ports.assign(root, ["kafka"]) == {"kafka": 21_500}
    assert json.loads((root / "ports.json").read_text("utf-8")) == {"kafka": 21_500}
