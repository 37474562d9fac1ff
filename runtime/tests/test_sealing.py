"""Sealed values open only in their own case, event and field, and their keys are those of the standard."""

from uuid import UUID

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import assume, given
from hypothesis import strategies as st
from tongban_runtime.sealing import (
    KEY_BYTES,
    CaseKeys,
    KeyMissingError,
    SealBrokenError,
    field_key,
    misplaced,
    new_root,
    origin,
)
from tongban_schemas.envelope import encode_body
from tongban_schemas.events.access import FIRST_CHAIN, AccessDoubted

ROOT = bytes(range(32))
EVENT = UUID("019cab3e-0000-7000-8000-000000000001")
OTHER = UUID("019cab3e-0000-7000-8000-000000000002")

roots = st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES)
fields = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
texts = st.text(st.characters(codec="utf-8"), max_size=60)


@pytest.fixture
def keys() -> CaseKeys:
    return CaseKeys(root=ROOT)


@given(root=roots, field=fields)
def test_keys_are_derived_as_rfc_5869_says(root: bytes, field: str) -> None:
    expected = HKDF(SHA256(), KEY_BYTES, None, b"tongban field " + field.encode()).derive(root)
    assert field_key(root, field) == expected
    assert CaseKeys(root=root).keys([field]) == {field: expected}


@given(root=roots, event=st.uuids(), field=fields, text=texts)
def test_a_value_opens_with_the_key_of_its_field(root: bytes, event: UUID, field: str, text: str) -> None:
    whole = CaseKeys(root=root)
    sealed = whole.seal(event, field, text)
    assert CaseKeys(whole.keys([field])).open(field, sealed) == text
    assert origin(sealed) == event


@given(case=roots, other_case=roots, event=st.uuids(), field=fields, other_field=fields, text=texts)
def test_a_value_opens_in_its_case_and_field_alone(
    case: bytes, other_case: bytes, event: UUID, field: str, other_field: str, text: str
) -> None:
    """Not in another field either when the key of its own is put in that one's place."""
    assume(case != other_case and field != other_field)
    whole = CaseKeys(root=case)
    sealed = whole.seal(event, field, text)
    assert whole.open(field, sealed) == text
    own = whole.keys([field])[field]
    for keys, asked in (
        (CaseKeys(root=other_case), field),
        (whole, other_field),
        (CaseKeys({other_field: own}), other_field),
    ):
        with pytest.raises(SealBrokenError):
            keys.open(asked, sealed)


@given(root=roots, event=st.uuids(), other=st.uuids(), field=fields, text=texts)
def test_no_value_opens_under_another_event(root: bytes, event: UUID, other: UUID, field: str, text: str) -> None:
    """The id in front of the value cannot be exchanged for that of another event."""
    assume(event != other)
    whole = CaseKeys(root=root)
    sealed = whole.seal_bytes(event, field, text.encode())
    with pytest.raises(SealBrokenError):
        whole.open_bytes(field, other.bytes + sealed[16:])


@given(root=roots, event=st.uuids(), given_field=fields, other=fields, text=texts)
def test_the_key_of_one_field_derives_no_other(
    root: bytes, event: UUID, given_field: str, other: str, text: str
) -> None:
    """Whoever holds the key of one field has nothing of another, whatever is derived from it as a root is."""
    assume(given_field != other)
    whole = CaseKeys(root=root)
    sealed = whole.seal(event, other, text)
    had = whole.keys([given_field])[given_field]
    part = CaseKeys({given_field: had})
    with pytest.raises(KeyMissingError):
        part.keys([other])
    with pytest.raises(KeyMissingError):
        part.open(other, sealed)
    for derived in (had, field_key(had, other), field_key(had, given_field)):
        with pytest.raises(SealBrokenError):
            CaseKeys({other: derived}).open(other, sealed)


@given(root=roots, event=st.uuids(), field=fields, text=texts, data=st.data())
def test_a_changed_value_does_not_open(root: bytes, event: UUID, field: str, text: str, data: st.DataObject) -> None:
    whole = CaseKeys(root=root)
    sealed = bytearray(whole.seal_bytes(event, field, text.encode()))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SealBrokenError):
        whole.open_bytes(field, bytes(sealed))


@pytest.mark.parametrize("text", ["", "示例联系人", "s1.", "s1.AAAA", "s1." + "A" * 37, "s1.不是", "s2." + "A" * 80])
def test_what_is_no_sealed_value_does_not_open(keys: CaseKeys, text: str) -> None:
    with pytest.raises(SealBrokenError):
        keys.open("contact_name", text)


def test_sealing_twice_gives_two_texts_that_show_nothing(keys: CaseKeys) -> None:
    first, second = (keys.seal(EVENT, "contact_name", "示例联系人") for _ in range(2))
    assert first != second
    assert "示例" not in first


def test_values_sealed_together_open_one_by_one(keys: CaseKeys) -> None:
    written = {"contact_name": "示例联系人", "contact_phone": "000-00000000", "note": ""}
    sealed = keys.seal_all(EVENT, written)
    assert {field: keys.open(field, value) for field, value in sealed.items()} == written
    assert keys.seal_all(EVENT, {}) == {}


def test_every_case_has_a_root_of_its_own() -> None:
    made = {new_root() for _ in range(100)}
    assert len(made) == 100
    assert {len(root) for root in made} == {KEY_BYTES}


@given(root=roots, event=st.uuids(), field=fields, text=texts, changed=st.integers(1, 2**128 - 1) | st.integers(1, 15))
def test_a_value_of_another_event_is_noticed_without_any_key(
    root: bytes, event: UUID, field: str, text: str, changed: int
) -> None:
    sealed = CaseKeys(root=root).seal(event, field, text)
    body = encode_body(AccessDoubted(access=EVENT, text=sealed, chain=FIRST_CHAIN))
    assert not misplaced(event, body)
    assert misplaced(UUID(int=event.int ^ changed), body)


def test_one_misplaced_value_among_others_is_noticed(keys: CaseKeys) -> None:
    own, foreign = keys.seal(EVENT, "a", "x"), keys.seal(OTHER, "b", "y")
    assert misplaced(EVENT, f'{{"sealed":{{"a":"{own}","b":"{foreign}"}}}}'.encode())
    assert not misplaced(EVENT, f'{{"sealed":{{"a":"{own}"}},"plain":"示例"}}'.encode())
    assert misplaced(EVENT, b'{"text":"s1."}')
    assert not misplaced(EVENT, b"{}")
