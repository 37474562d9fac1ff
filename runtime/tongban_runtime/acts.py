"""Formal acts are signed documents: a number, a day, the body that seals them, and signed content.

An act is a compact JWS (RFC 7515) with an Ed25519 signature (RFC 8037; ``alg`` Ed25519, RFC 9864) over its content as
canonical JSON (RFC 8785 for text, whole numbers, booleans and null; other numbers are refused). Personal text never enters
the content; `digest` of its sealed form does. Each department has its own key: ``<department>.jwk`` (RFC 7517) in the acts
folder; the public half stands in the catalogue.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey
from tongban_schemas.types import CHINA, Act, ActKind, JsonObject

from tongban_runtime.command_line import StartRefusedError

KEY_SUFFIX = ".jwk"
_ALGORITHM = "Ed25519"
_LETTERS: dict[ActKind, str] = {
    "receipt": "RC",
    "acceptance": "AC",
    "correction-notice": "CN",
    "non-acceptance": "NA",
    "grant": "GR",
    "refusal": "RF",
    "special-procedure": "SP",
    "extension": "EX",
    "annulment": "AN",
    "appeal-decision": "AD",
}


class ActKeyMissingError(LookupError):
    """This service has no key of the department, so it cannot sign the department's acts."""


class ActInvalidError(ValueError):
    """An act is not what the body signed."""


@dataclass(frozen=True, slots=True)
class _Key:
    private: Ed25519PrivateKey
    header: bytes
    public: JsonObject


def new_key() -> JsonObject:
    """A fresh private key for one department, as a JWK whose ``kid`` is its thumbprint (RFC 7638)."""
    return dict(OKPKey.generate_key("Ed25519", auto_kid=True).as_dict(private=True))


def public_half(private: JsonObject) -> JsonObject:
    """The JWK that everybody may have. Raises `ValueError` when it is no private Ed25519 key."""
    return _read_key(private).public


def digest(sealed: str) -> str:
    """SHA-256 of a sealed text, hexadecimal: what the content of an act says of a text that it may not contain."""
    return hashlib.sha256(sealed.encode()).hexdigest()


def act_number(kind: ActKind, case_number: str | None, subject: str, ordinal: int) -> str:
    """``<case number, or subject>-<two letters of the kind>-<ordinal>``; a body numbers the acts of one kind in a case."""
    return f"{case_number or subject}-{_LETTERS[kind]}-{ordinal}"


def _refused(folder: Path, why: str) -> StartRefusedError:
    return StartRefusedError(
        f"TONGBAN_ACTS_DIR（{folder}）不能使用：应存放各部门文书的私钥。",
        f"TONGBAN_ACTS_DIR cannot be used: it has to hold the private keys of the departments' acts. {why}",
    )


class ActSigner:
    """Signs the acts of the departments whose keys it holds."""

    def __init__(self, keys: Mapping[str, JsonObject] | None = None, *, make_missing: bool = False) -> None:
        """keys: private JWK by department; `ValueError` names a department whose key cannot be read."""
        self._keys: dict[str, _Key] = {}
        self._make_missing = make_missing
        for department, key in (keys or {}).items():
            try:
                self._keys[department] = _read_key(key)
            except ValueError as error:
                raise ValueError(f"the key of {department} cannot be used: {error}") from error

    @classmethod
    def load(cls, folder: Path | None) -> "ActSigner":
        """The keys of a folder, once at the start. Without a folder nothing can be signed.

        Raises `StartRefusedError` for a folder without a key, and for a file that is no private Ed25519 key.
        """
        if folder is None:
            return cls()
        keys = {}
        for file in sorted(folder.glob(f"*{KEY_SUFFIX}")):
            try:
                keys[file.stem] = json.loads(file.read_text("utf-8"))
            except (ValueError, OSError) as error:
                raise _refused(folder, f"{file.name} 不能读取 cannot be read: {type(error).__name__}") from error
        if not keys:
            raise _refused(folder, f"没有 <部门>{KEY_SUFFIX} 文件 it holds no <department>{KEY_SUFFIX}")
        try:
            return cls(keys)
        except ValueError as error:
            raise _refused(folder, str(error)) from error

    @classmethod
    def ephemeral(cls) -> "ActSigner":
        """A signer that makes a key for whichever department asks; nothing is kept. For tests."""
        return cls(make_missing=True)

    @property
    def departments(self) -> frozenset[str]:
        """Those whose acts this signer can sign."""
        return frozenset(self._keys)

    def public_keys(self, department: str) -> list[JsonObject]:
        """Public JWKs of the department, as its registration carries them. Raises `ActKeyMissingError`."""
        return [dict(self._key(department).public)]

    def sign(
        self,
        department: str,
        uscc: str,
        kind: ActKind,
        *,
        case_number: str | None,
        subject: str,
        at: datetime,
        ordinal: int,
        content: JsonObject,
    ) -> Act:
        """The act as a document. The same arguments under the same key give the same act.

        uscc: the sealing body. subject: id of the application. at: aware; the act bears the day in China. ordinal: from 1,
        among the body's acts of this kind in the case. content: step, item, decision, basis, digests of sealed texts; the
        number, kind, day, body and subject are put beside it.
        Raises `ActKeyMissingError`; `ValueError` for content that is not canonical or that names a reserved key.
        """
        key = self._key(department)
        issued_on = at.astimezone(CHINA).date()
        number = act_number(kind, case_number, subject, ordinal)
        head = {
            "number": number,
            "kind": kind,
            "date": issued_on.isoformat(),
            "body": uscc,
            "department": department,
            "subject": subject,
        }
        if wrong := [name for name, value in head.items() if content.get(name, value) != value]:
            raise ValueError(f"the content of an act may not say otherwise than its head: {', '.join(wrong)}")
        payload = _canonical({**content, **head})
        signed = key.header + b"." + _base64url(payload)
        jws_text = signed + b"." + _base64url(key.private.sign(signed))
        return Act(
            number=number,
            kind=kind,
            issued_on=issued_on,
            body=uscc,
            sha256=hashlib.sha256(payload).hexdigest(),
            jws=jws_text.decode("ascii"),
        )

    def _key(self, department: str) -> _Key:
        key = self._keys.get(department)
        if key is None:
            if not self._make_missing:
                raise ActKeyMissingError(
                    f"no key to sign the acts of {department}: put {department}{KEY_SUFFIX} into the folder"
                    " that TONGBAN_ACTS_DIR names, and publish its public half with the catalogue"
                )
            key = self._keys[department] = _read_key(new_key())
        return key


def verify(act: Act, keys: Iterable[JsonObject]) -> JsonObject:
    """The signed content. keys: public JWKs of the body, from the catalogue. Raises `ActInvalidError`."""
    try:
        known = KeySet.import_key_set({"keys": list(keys)})
        signed = jws.deserialize_compact(act.jws, known, algorithms=[_ALGORITHM])
        content = json.loads(signed.payload)
    except (JoseError, ValueError) as error:
        raise ActInvalidError("the signature is not one of the body's keys over this content") from error
    if hashlib.sha256(signed.payload).hexdigest() != act.sha256:
        raise ActInvalidError("the hash is not that of the signed content")
    said = {"number": act.number, "kind": act.kind, "date": act.issued_on.isoformat(), "body": act.body}
    wrong = [name for name, value in said.items() if content.get(name) != value]
    if wrong:
        raise ActInvalidError(f"the act says otherwise than its signed content: {', '.join(wrong)}")
    return dict(content)


def _read_key(private: JsonObject) -> _Key:
    try:
        key = OKPKey.import_key(private)
        raw = key.private_key
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise ValueError("a private JWK is wanted (kty OKP, crv Ed25519, with d)") from error
    if not isinstance(raw, Ed25519PrivateKey):
        raise ValueError("a private JWK is wanted (kty OKP, crv Ed25519, with d)")
    kid = key.thumbprint()
    public = {**key.as_dict(private=False), "kid": kid, "alg": _ALGORITHM, "use": "sig"}
    return _Key(raw, _base64url(_canonical({"alg": _ALGORITHM, "kid": kid})), public)


def _canonical(content: JsonObject) -> bytes:
    _refuse_fractions(content)
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _refuse_fractions(value: object) -> None:
    if isinstance(value, dict):
        for each in value.values():
            _refuse_fractions(each)
    elif isinstance(value, list | tuple):
        for each in value:
            _refuse_fractions(each)
    elif not (value is None or isinstance(value, str | int)):
        raise ValueError(
            f"the content of an act holds text, whole numbers, booleans and null, not {type(value).__name__}"
        )


def _base64url(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
