from pathlib import Path

import pytest
from tongban_local import java, provider
from tongban_local.errors import MissingToolError
from tongban_local.kafka import server_properties

GIVEN = {"TONGBAN_KAFKA": "kafka.example:9092", "TONGBAN_POSTGRES": "postgresql://postgres.example/postgres"}


@pytest.mark.parametrize(
    ("environ", "problem", "expected"),
    [
        ({}, None, "containers"),
        ({}, "no Docker engine answers", "local"),
        (GIVEN, None, "given"),
        ({"TONGBAN_KAFKA": "kafka.example:9092"}, "no Docker", "local"),
        (GIVEN | {"TONGBAN_ENGINES": "local"}, None, "local"),
        (GIVEN | {"TONGBAN_ENGINES": "containers"}, None, "containers"),
        ({"TONGBAN_ENGINES": ""}, "no Docker", "local"),
    ],
)
def test_order_of_providers(environ: dict[str, str], problem: str | None, expected: str) -> None:
    chosen, reason = provider.choose(environ, lambda: problem)
    assert chosen == expected
    assert reason


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"TONGBAN_ENGINES": "containers"}, "no image"),
        ({"TONGBAN_ENGINES": "given"}, "TONGBAN_POSTGRES"),
        ({"TONGBAN_ENGINES": "fake"}, "given, containers, local"),
    ],
)
def test_what_was_asked_for_and_cannot_be_had_fails(environ: dict[str, str], said: str) -> None:
    with pytest.raises(provider.NoEnginesError, match=said):
        provider.choose(environ, lambda: "no image")


def test_without_maven_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match="apt-get install maven"):
        java.kafka_jars(tmp_path, announce=lambda line: None)


def test_without_java_on_the_system_the_bundled_one_runs(tmp_path: Path) -> None:
    found = java.find_java({"PATH": str(tmp_path)})
    assert java.java_version(found) >= java.MINIMUM_JAVA


def test_facts_do_not_expire_and_topics_are_not_made_by_accident() -> None:
    settings = server_properties(9092, 9093)
    assert settings["auto.create.topics.enable"] == "false"
    assert (settings["log.retention.ms"], settings["log.retention.bytes"]) == ("-1", "-1")
    assert settings["message.max.bytes"] == "1048576"
    assert {value for key, value in settings.items() if key.endswith("replication.factor")} == {"1"}
