"""Settings of a deployment."""

import pytest
from pydantic import ValidationError
from tongban_approvals.settings import Settings

BASE = {
    "TONGBAN_INSTANCE": "approvals-land",
    "TONGBAN_KAFKA": "127.0.0.1:1",
    "TONGBAN_DATABASE": "postgresql://nobody@127.0.0.1/none",
    "TONGBAN_TOKEN_ISSUER": "https://issuer.example",
    "TONGBAN_TOKEN_JWKS": "file:///dev/null",
}


def _load(monkeypatch: pytest.MonkeyPatch, departments: str | None) -> Settings:
    for name, value in BASE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("TONGBAN_APPROVALS_DEPARTMENTS", raising=False)
    if departments is not None:
        monkeypatch.setenv("TONGBAN_APPROVALS_DEPARTMENTS", departments)
    return Settings()


def test_departments_are_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _load(monkeypatch, "natural-resources, heritage,")
    assert found.approvals_departments == {"natural-resources", "heritage"}


@pytest.mark.parametrize("departments", [None, "", " , ", "Heritage", "文物", "heritage;ecology"])
def test_a_deployment_without_departments_does_not_start(
    monkeypatch: pytest.MonkeyPatch, departments: str | None
) -> None:
    with pytest.raises(ValidationError, match="approvals_departments"):
        _load(monkeypatch, departments)
