"""Formal acts are signed documents: a number, a day, the body that seals them, and signed content.

An act is a compact JWS (RFC 7515) with an Ed25519 signature (RFC 8037; ``alg`` Ed25519, RFC 9864) over its content as
canonical JSON (RFC 8785 for text, whole numbers, booleans and null; other numbers are refused). Personal text never enters
the content; `digest` of its sealed form does. Each department has its own key: ``<department>.jwk`` (RFC 7517) in the acts
folder; the public half stands in the catalogue.
"""

import base64
import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
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


class KeyUnknownError(ActInvalidError):
    """An act names a key that is not among the body's."""


class SignedAct(Protocol):
    """An act as it travels: `tongban_schemas.types.Act`, or a reader's own form of it."""

    @property
    def number(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def issued_on(self) -> date: ...
    @property
    def body(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def jws(self) -> str: ...


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

    def __init__(self, keys: Mapping[str, JsonObject] | None = None) -> None:
        """keys: private JWK by department; `ValueError` names a department whose key cannot be read."""
        self._keys: dict[str, _Key] = {}
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
        jws = (signed + b"." + _base64url(key.private.sign(signed))).decode("ascii")
        sha256 = hashlib.sha256(payload).hexdigest()
        _keep((hashlib.sha256(jws.encode()).digest(), str(key.public["x"])), json.loads(payload), sha256)
        return Act(number=number, kind=kind, issued_on=issued_on, body=uscc, sha256=sha256, jws=jws)

    def _key(self, department: str) -> _Key:
        key = self._keys.get(department)
        if key is None:
            raise ActKeyMissingError(
                f"no key to sign the acts of {department}: put {department}{KEY_SUFFIX} into the folder"
                " that TONGBAN_ACTS_DIR names, and publish its public half with the catalogue"
            )
        return key


def verify(act: SignedAct, keys: Iterable[JsonObject]) -> JsonObject:
    """The signed content. keys: public JWKs of the body, from the catalogue. Raises `ActInvalidError`, `KeyUnknownError`.

    A signature is looked at once a process: what was found good is kept for the acts met last.
    """
    content, sha256 = _signed(act.jws, keys)
    if sha256 != act.sha256:
        raise ActInvalidError("the hash is not that of the signed content")
    said = {"number": act.number, "kind": act.kind, "date": act.issued_on.isoformat(), "body": act.body}
    wrong = [name for name, value in said.items() if content.get(name) != value]
    if wrong:
        raise ActInvalidError(f"the act says otherwise than its signed content: {', '.join(wrong)}")
    return dict(content)


_KEPT: Final = 8192
_good: OrderedDict[tuple[bytes, str], tuple[JsonObject, str]] = OrderedDict()
"""Content and hash of the acts that were found good last, by the hash of the JWS and the key (its ``x``)."""


def _signed(jws: str, keys: Iterable[JsonObject]) -> tuple[JsonObject, str]:
    """The content under a signature by one of the keys, and the SHA-256 of its bytes."""
    head, _, rest = jws.partition(".")
    header = _json(head)
    named = header.get("kid")
    if header.get("alg") != _ALGORITHM or "crit" in header:
        raise ActInvalidError("the signature is of another kind than acts have")
    candidates = [key for key in keys if key.get("kty") == "OKP" and key.get("kid") in (None, named)]
    if not candidates:
        raise KeyUnknownError("the signature names a key that is not one of the body's")
    name = hashlib.sha256(jws.encode()).digest()
    for key in candidates:
        place = name, str(key.get("x"))
        found = _good.get(place)
        if found is not None:
            _good.move_to_end(place)
            return found
        payload, _, signature = rest.partition(".")
        try:
            Ed25519PublicKey.from_public_bytes(_raw(place[1])).verify(_raw(signature), f"{head}.{payload}".encode())
        except (InvalidSignature, ValueError):
            continue
        content = _raw(payload)
        return _keep(place, _json(payload), hashlib.sha256(content).hexdigest())
    raise ActInvalidError("the signature is not one of the body's keys over this content")


def _keep(place: tuple[bytes, str], content: JsonObject, sha256: str) -> tuple[JsonObject, str]:
    _good[place] = content, sha256
    if len(_good) > _KEPT:
        _good.popitem(last=False)
    return content, sha256


def _json(part: str) -> JsonObject:
    """A part of a JWS that is a JSON object. Raises `ActInvalidError`."""
    try:
        found: Any = json.loads(_raw(part))
    except (ValueError, RecursionError) as error:
        raise ActInvalidError("the signature is over no JSON object") from error
    if not isinstance(found, dict):
        raise ActInvalidError("the signature is over no JSON object")
    return found


def _raw(part: str) -> bytes:
    """Base64url without padding (RFC 7515 section 2). Raises `ValueError`."""
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


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
