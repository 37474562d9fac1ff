"""Sealed values open only where they belong, and their keys are those of the standard."""

import base64

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from tongban_runtime.sealing import SealBrokenError, Sealer

ROOT = bytes(range(32))
sealer = Sealer(base64.urlsafe_b64encode(ROOT).decode())


def test_keys_are_derived_as_rfc_5869_says() -> None:
    for purpose in (b"", b"tongban application 1", b"x" * 300):
        assert sealer.derive_key(purpose) == HKDF(SHA256(), 32, None, purpose).derive(ROOT)


def test_a_value_opens_in_its_case_and_field_alone() -> None:
    sealed = sealer.seal("case-1", "contact_name", "示例联系人")
    assert sealer.open("case-1", "contact_name", sealed) == "示例联系人"
    assert "示例" not in sealed
    for application, field in (("case-2", "contact_name"), ("case-1", "contact_phone")):
        with pytest.raises(SealBrokenError):
            sealer.open(application, field, sealed)


def test_a_changed_value_does_not_open() -> None:
    sealed = sealer.seal("case-1", "contact_name", "示例联系人")
    with pytest.raises(SealBrokenError):
        sealer.open("case-1", "contact_name", sealed[:-2] + ("AA" if sealed[-2:] != "AA" else "BB"))
    with pytest.raises(SealBrokenError):
        sealer.open("case-1", "contact_name", "示例联系人")


def test_sealing_twice_gives_two_texts() -> None:
    assert sealer.seal("case-1", "a", "x") != sealer.seal("case-1", "a", "x")


def test_values_sealed_together_open_one_by_one() -> None:
    texts = {"contact_name": "示例联系人", "contact_phone": "000-00000000", "note": ""}
    sealed = sealer.seal_all("case-1", texts)
    assert {field: sealer.open("case-1", field, value) for field, value in sealed.items()} == texts
    assert sealer.seal_all("case-1", {}) == {}
    with pytest.raises(SealBrokenError):
        sealer.open("case-1", "contact_phone", sealed["contact_name"])
