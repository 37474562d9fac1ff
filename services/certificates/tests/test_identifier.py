import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tongban_certificates.identifier import InvalidIdentifierError, build, check_character, is_valid, parse

VECTORS = json.loads((Path(__file__).parent / "identifier_vectors.json").read_text(encoding="utf-8"))
ISSUER = "119900000000000275"
KIND = "11990000000000019A001"
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.mark.parametrize("value", VECTORS["valid"])
def test_valid_identifiers_parse_and_print_back(value: str) -> None:
    assert str(parse(value)) == value
    assert str(parse(f"  {value.lower()} ")) == value


@pytest.mark.parametrize("case", VECTORS["invalid"], ids=lambda case: case["why"])
def test_invalid_identifiers_are_refused(case: dict[str, str]) -> None:
    assert not is_valid(case["value"])


def test_wrong_documentation_sample_passes_with_its_right_check() -> None:
    assert is_valid("1.2.156.3005.2.11100000000013661B006.113700000045046442.209FA4E88F9E4C878F3E9BED2CE7EA49.001.D")


def test_build_gives_the_demo_vector() -> None:
    assert str(build(KIND, ISSUER, "20260000002")) == VECTORS["valid"][5]


@pytest.mark.parametrize(
    ("type_code", "issuer", "serial", "version"),
    [
        (KIND, "340100", "1", 1),
        (KIND[:-1], ISSUER, "1", 1),
        (KIND, ISSUER, "", 1),
        (KIND, ISSUER, "a1", 1),
        (KIND, ISSUER, "1", 0),
        (KIND, ISSUER, "1", 1000),
        (KIND, "11990000000000027I", "1", 1),
    ],
)
def test_build_refuses_bad_parts(type_code: str, issuer: str, serial: str, version: int) -> None:
    with pytest.raises(InvalidIdentifierError):
        build(type_code, issuer, serial, version)


@given(st.text(alphabet=ALPHABET, min_size=1, max_size=64), st.integers(1, 999))
def test_what_is_built_parses_back(serial: str, version: int) -> None:
    built = build(KIND, ISSUER, serial, version)
    assert parse(str(built)) == built


@given(st.data(), st.text(alphabet=ALPHABET, min_size=1, max_size=64))
def test_every_single_substitution_is_detected(data: st.DataObject, body: str) -> None:
    position = data.draw(st.integers(0, len(body) - 1))
    other = data.draw(st.sampled_from([letter for letter in ALPHABET if letter != body[position]]))
    assert check_character(body[:position] + other + body[position + 1 :]) != check_character(body)
