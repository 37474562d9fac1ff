"""Keys of formal acts: made once, private halves for their owner alone, public halves as the catalogue publishes them."""

import stat
from datetime import UTC, datetime
from pathlib import Path

from tongban_catalog.load import load_catalog, with_keys
from tongban_local import credentials
from tongban_runtime.acts import ActSigner, verify


def test_every_department_has_one_key_and_the_catalogue_takes_its_public_half(tmp_path: Path) -> None:
    catalog = load_catalog()
    private, public = tmp_path / "acts", tmp_path / "acts-public"
    credentials.act_keys(private, public, catalog.departments)
    assert (
        {file.stem for file in private.iterdir()}
        == {file.stem for file in public.iterdir()}
        == set(catalog.departments)
    )
    signer = ActSigner.load(private)
    known = with_keys(catalog, public).departments
    for department in known.values():
        act = signer.sign(
            department.id,
            department.uscc,
            "grant",
            case_number=None,
            subject="0190a000-0000-7000-8000-000000000001",
            at=datetime(2026, 3, 2, tzinfo=UTC),
            ordinal=1,
            content={},
        )
        assert verify(act, department.keys)["department"] == department.id


def test_keys_are_made_once_and_new_departments_get_theirs(tmp_path: Path) -> None:
    private, public = tmp_path / "acts", tmp_path / "acts-public"
    credentials.act_keys(private, public, ["heritage"])
    before = (private / "heritage.jwk").read_bytes(), (public / "heritage.json").read_bytes()
    credentials.act_keys(private, public, ["heritage", "ecology"])
    assert ((private / "heritage.jwk").read_bytes(), (public / "heritage.json").read_bytes()) == before
    assert ActSigner.load(private).departments == {"heritage", "ecology"}


def test_private_keys_are_their_owner_s_alone(tmp_path: Path) -> None:
    private = tmp_path / "acts"
    credentials.act_keys(private, tmp_path / "acts-public", ["heritage"])
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert stat.S_IMODE((private / "heritage.jwk").stat().st_mode) == 0o600
