"""Formal acts: signed once, verified by anyone who has the body's public key, and by nobody else's."""

import hashlib
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import get_args

import pytest
from joserfc import jws
from joserfc.jwk import OKPKey
from tongban_runtime.acts import (
    ActInvalidError,
    ActKeyMissingError,
    ActSigner,
    KeyUnknownError,
    act_number,
    digest,
    new_key,
    public_half,
    verify,
)
from tongban_runtime.testing.acts import public_keys
from tongban_runtime.testing.acts import signer as signer_of
from tongban_schemas.examples import load_examples
from tongban_schemas.types import Act, ActKind

BODIES = ["natural-resources", "heritage"]
USCC = "11000000MB0000001A"
SUBJECT = "0190a000-0000-7000-8000-000000000001"
NUMBER = "11990000MB0000001A400011900100120260131" + "0001"
CONTENT = {"step": "LAND", "decision": "granted", "basis": ["《行政许可法》第三十八条"], "text": digest("s1.abc")}
LATE = datetime(2026, 1, 31, 16, 30, tzinfo=UTC)


def signed(signer: ActSigner, kind: ActKind = "grant", case_number: str | None = NUMBER, ordinal: int = 1) -> Act:
    return signer.sign(
        "natural-resources",
        USCC,
        kind,
        case_number=case_number,
        subject=SUBJECT,
        at=LATE,
        ordinal=ordinal,
        content=CONTENT,
    )


def test_an_act_carries_number_day_body_hash_and_content() -> None:
    signer = signer_of(BODIES)
    act = signed(signer)
    assert act.number == f"{NUMBER}-GR-1"
    assert act.issued_on == date(2026, 2, 1), "the day in China"
    assert act.body == USCC
    content = verify(act, signer.public_keys("natural-resources"))
    head = {
        "number": act.number,
        "kind": "grant",
        "date": "2026-02-01",
        "body": USCC,
        "department": "natural-resources",
    }
    assert content == {**CONTENT, **head, "subject": SUBJECT}
    assert Act.model_validate_json(act.model_dump_json()) == act


def test_without_a_case_number_the_subject_numbers_the_act() -> None:
    assert signed(signer_of(BODIES), "receipt", None, 2).number == f"{SUBJECT}-RC-2"


def test_every_kind_has_letters_of_its_own() -> None:
    kinds = get_args(ActKind)
    assert len({act_number(kind, None, "x", 1) for kind in kinds}) == len(kinds) == 10


def test_any_jose_library_reads_the_signature() -> None:
    signer = signer_of(BODIES)
    act = signed(signer)
    key = OKPKey.import_key(signer.public_keys("natural-resources")[0])
    read = jws.deserialize_compact(act.jws, key, algorithms=["Ed25519"])
    assert read.headers() == {"alg": "Ed25519", "kid": key.thumbprint()}
    payload = read.payload
    assert hashlib.sha256(payload).hexdigest() == act.sha256
    assert payload.decode() == json.dumps(
        json.loads(payload), ensure_ascii=False, sort_keys=True, separators=(",", ":")
    ), "canonical"


def test_the_same_act_signed_twice_is_one_document() -> None:
    signer = ActSigner({"natural-resources": new_key()})
    assert signed(signer) == signed(signer)
    assert signed(signer) != signed(signer, ordinal=2)


@pytest.mark.parametrize(
    "change",
    [
        {"number": f"{NUMBER}-GR-2"},
        {"kind": "refusal"},
        {"issued_on": date(2026, 2, 2)},
        {"body": "11000000MB0000002A"},
        {"sha256": "0" * 64},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_act_is_refused(change: dict[str, object]) -> None:
    signer = signer_of(BODIES)
    act = signed(signer).model_copy(update=change)
    with pytest.raises(ActInvalidError, match=r"hash|otherwise"):
        verify(act, signer.public_keys("natural-resources"))


def test_changed_content_another_key_and_another_algorithm_are_refused() -> None:
    signer = signer_of(BODIES)
    act = signed(signer)
    header, payload, signature = act.jws.split(".")
    other = signed(signer, ordinal=2).jws.split(".")[1]
    unsigned = "eyJhbGciOiJub25lIn0"
    for text in (f"{header}.{other}.{signature}", f"{unsigned}.{payload}.", "", "a.b", f"{header}.{payload}."):
        with pytest.raises(ActInvalidError, match="signature"):
            verify(act.model_copy(update={"jws": text}), signer.public_keys("natural-resources"))
    for keys in ([], signer.public_keys("heritage"), [{"kty": "OKP"}]):
        with pytest.raises(ActInvalidError, match="signature"):
            verify(act, keys)


def test_an_older_key_of_the_body_still_verifies() -> None:
    signer = signer_of(BODIES)
    other = ActSigner({"natural-resources": new_key()})
    keys = [*other.public_keys("natural-resources"), *signer.public_keys("natural-resources")]
    assert verify(signed(signer), keys)["decision"] == "granted"


def test_the_contract_s_examples_are_signed_by_the_key_that_its_department_registers() -> None:
    full = {event_type: named["full"]["data"] for event_type, named in load_examples().items()}
    keys = full["cn.tongban.department.registered.v1"]["keys"]
    acts = [Act.model_validate(data["act"]) for data in full.values() if "act" in data]
    assert {act.kind for act in acts} == set(get_args(ActKind))
    for act in acts:
        assert verify(act, keys)["number"] == act.number


def test_keys_come_from_the_folder(tmp_path: Path) -> None:
    key = new_key()
    (tmp_path / "natural-resources.jwk").write_text(json.dumps(key), "utf-8")
    signer = ActSigner.load(tmp_path)
    assert signer.departments == {"natural-resources"}
    assert signer.public_keys("natural-resources") == [public_half(key)]
    assert "d" not in public_half(key)
    assert verify(signed(signer), [public_half(key)])["step"] == "LAND"
    with pytest.raises(ActKeyMissingError, match=r"heritage\.jwk into the folder that TONGBAN_ACTS_DIR"):
        signer.public_keys("heritage")


def test_without_a_folder_nothing_is_signed() -> None:
    with pytest.raises(ActKeyMissingError, match="TONGBAN_ACTS_DIR"):
        signed(ActSigner.load(None))


@pytest.mark.parametrize("text", ["{", "{}", '{"kty": "OKP", "crv": "Ed25519", "x": "AA"}', "public", "x25519"])
def test_a_file_that_is_no_private_key_stops_the_start(text: str, tmp_path: Path) -> None:
    if text == "public":
        text = json.dumps(public_half(new_key()))
    elif text == "x25519":
        text = json.dumps(OKPKey.generate_key("X25519").as_dict(private=True))
    (tmp_path / "heritage.jwk").write_text(text, "utf-8")
    with pytest.raises(ValueError, match="heritage"):
        ActSigner.load(tmp_path)


def test_an_empty_folder_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no <department>\.jwk"):
        ActSigner.load(tmp_path)


def test_content_is_canonical_and_does_not_contradict_the_head() -> None:
    signer = signer_of(BODIES)
    for content, said in (({"fee": [{"amount": 1.5}]}, "whole numbers"), ({"kind": "refusal"}, "head: kind")):
        with pytest.raises(ValueError, match=said):
            signer.sign(
                "heritage", USCC, "grant", case_number=None, subject=SUBJECT, at=LATE, ordinal=1, content=content
            )


def test_a_key_of_another_body_is_unknown_and_a_good_signature_is_looked_at_once() -> None:
    act = signed(signer_of(BODIES))
    keys = public_keys("natural-resources")
    first = verify(act, keys)
    assert verify(act, keys) == first
    with pytest.raises(KeyUnknownError):
        verify(act, public_keys("heritage"))
    with pytest.raises(ActInvalidError, match="not one of the body's keys over this content"):
        verify(act, [{**public_keys("heritage")[0], "kid": keys[0]["kid"]}])
