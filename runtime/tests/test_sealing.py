"""Sealed values open for their case and field alone."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tongban_runtime.sealing import SealBrokenError, Sealer

_KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
_SEALER = Sealer(_KEY)


@given(text=st.text(max_size=200), field=st.text(min_size=1, max_size=20))
def test_what_was_sealed_opens_again(text: str, field: str) -> None:
    sealed = _SEALER.seal("case", field, text)
    assert _SEALER.open("case", field, sealed) == text
    if len(text) > 4:
        assert text not in sealed


@pytest.mark.parametrize(
    ("case", "field", "key"),
    [
        ("other", "name", _KEY),
        ("case", "phone", _KEY),
        ("case", "name", base64.urlsafe_b64encode(bytes(32)).decode()),
    ],
)
def test_it_opens_nowhere_else(case: str, field: str, key: str) -> None:
    sealed = _SEALER.seal("case", "name", "申请人")
    with pytest.raises(SealBrokenError):
        Sealer(key).open(case, field, sealed)


def test_a_changed_value_does_not_open() -> None:
    sealed = _SEALER.seal("case", "name", "申请人")
    flipped = sealed[:-6] + ("A" if sealed[-6] != "A" else "B") + sealed[-5:]
    for broken in (flipped, "s1.", "plain text", "s1.AAAA"):
        with pytest.raises(SealBrokenError):
            _SEALER.open("case", "name", broken)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Sealer("AAAA")
