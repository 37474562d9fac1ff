"""Every command as an operator types it: a help of its own, settings that are missing or wrong in a line each, no traceback."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tongban_approvals.settings import Settings as ApprovalsSettings
from tongban_certificates.__main__ import COMMANDS as CERTIFICATES
from tongban_certificates.settings import CertificatesSettings
from tongban_intake.__main__ import COMMANDS as INTAKE
from tongban_intake.settings import Settings as IntakeSettings
from tongban_local import cli, ports, processes, programs, tokens
from tongban_local.stack import PROJECT, Stack
from tongban_notify.settings import Settings as NotifySettings
from tongban_runtime.command_line import Command, borrow_local_settings, parse, read_settings
from tongban_runtime.settings import RuntimeSettings

COMMANDS: Mapping[str, Mapping[str, Command]] = {
    "tongban_approvals": {},
    "tongban_certificates": CERTIFICATES,
    "tongban_intake": INTAKE,
    "tongban_notify": {},
}
KINDS: Mapping[str, type[RuntimeSettings]] = {
    "tongban_approvals": ApprovalsSettings,
    "tongban_certificates": CertificatesSettings,
    "tongban_intake": IntakeSettings,
    "tongban_notify": NotifySettings,
}
OWN = [(package, name) for package, commands in COMMANDS.items() for name in ("run", "migrate", *commands)]
README = (PROJECT / "README.md").read_text("utf-8")
COMPLETE = {
    "TONGBAN_INSTANCE": "approvals-ecology",
    "TONGBAN_APPROVALS_DEPARTMENTS": "ecology",
    "TONGBAN_KAFKA": "127.0.0.1:1",
    "TONGBAN_DATABASE": "postgresql://nobody@127.0.0.1:1/none",
    "TONGBAN_TOKEN_ISSUER": "http://127.0.0.1:1",
    "TONGBAN_TOKEN_JWKS": "http://127.0.0.1:1/jwks",
}


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", *arguments]
    env = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(line, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("package", "name"), OWN)
def test_every_command_has_a_help_of_its_own(package: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(package, COMMANDS[package], [name, "--help"])
    told = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"usage: python -m {package} {name}" in told
    if name in COMMANDS[package]:
        assert COMMANDS[package][name].text.split()[-1] in told


def test_the_options_of_a_command_are_in_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name, option in (
        ("rebuild", "--even-if-different"),
        ("exchange", "--out"),
        ("erase", "--ground"),
        ("ledger", "check"),
    ):
        with pytest.raises(SystemExit):
            parse("tongban_intake", INTAKE, [name, "--help"])
        assert option in capsys.readouterr().out


def test_without_a_command_the_service_runs() -> None:
    assert parse("tongban_intake", INTAKE, ["--only", "view"]).command == "run"
    assert parse("tongban_intake", INTAKE, []).only == ""


def test_each_missing_setting_is_a_plain_line(tmp_path: Path) -> None:
    two = {name: COMPLETE[name] for name in ("TONGBAN_INSTANCE", "TONGBAN_APPROVALS_DEPARTMENTS")}
    done = run("tongban_approvals", cwd=tmp_path, **two)
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    missing = COMPLETE.keys() - two.keys()
    assert {line.split()[0] for line in lines if "is not set" in line} == missing
    assert "README.md" in lines[-1]
    assert "Traceback" not in done.stderr


def test_a_file_gives_what_the_environment_does_not_set(tmp_path: Path) -> None:
    file = tmp_path / "department.env"
    given = COMPLETE | {"TONGBAN_HTTP_PORT": "none", "TONGBAN_DATABASE_POOL": "none"}
    file.write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    done = run("tongban_approvals", "--env-file", str(file), cwd=tmp_path, TONGBAN_HTTP_PORT="8000")
    assert done.returncode == 2
    assert [line.split()[0] for line in done.stderr.splitlines()[:-2]] == ["TONGBAN_DATABASE_POOL"]


def test_a_file_of_settings_that_is_missing_or_no_text_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"TONGBAN_KAFKA=\xff\xfe\n")
    for name in ("none", "binary"):
        done = run("tongban_approvals", "migrate", "--env-file", name, cwd=tmp_path)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert name in done.stderr


def test_a_wrong_setting_is_a_plain_line_without_its_value(tmp_path: Path) -> None:
    done = run("tongban_approvals", cwd=tmp_path, **COMPLETE | {"TONGBAN_HTTP_PORT": "s3cret"})
    assert (done.returncode, done.stderr.count("TONGBAN_HTTP_PORT 不能使用")) == (2, 1)
    assert "s3cret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_an_empty_folder_of_acts_is_refused_in_words(tmp_path: Path) -> None:
    done = run("tongban_approvals", cwd=tmp_path, **COMPLETE | {"TONGBAN_ACTS_DIR": str(tmp_path)})
    assert (done.returncode, "<department>.jwk" in done.stderr) == (2, True)
    assert "Traceback" not in done.stderr + done.stdout


def test_the_readme_names_every_setting_that_a_department_needs() -> None:
    named = set(re.findall(r"TONGBAN_[A-Z_]+", README))
    needed = {
        f"TONGBAN_{name.upper()}" for name, field in ApprovalsSettings.model_fields.items() if field.is_required()
    }
    assert needed | {"TONGBAN_VAULT_URL", "TONGBAN_ACTS_DIR"} <= named


def test_the_readmes_commands_exist() -> None:
    for package, name in re.findall(r"python -m (tongban_\w+) (\w+)", README):
        if package in COMMANDS:
            assert (package, name) in OWN
        else:
            assert run(package, name, "--help", cwd=PROJECT).returncode == 0


def test_commands_find_the_local_stack_when_nothing_else_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ".local" / "main" / "settings"
    folder.mkdir(parents=True)
    (folder / "tongban_intake.json").write_text(json.dumps({"TONGBAN_KAFKA": "local:1", "TONGBAN_INSTANCE": "intake"}))
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    for name in ("TONGBAN_KAFKA", "TONGBAN_DATABASE", "TONGBAN_INSTANCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TONGBAN_DATABASE", "postgresql://elsewhere")
    borrow_local_settings("tongban_intake")
    assert "TONGBAN_KAFKA" not in os.environ
    monkeypatch.delenv("TONGBAN_DATABASE")
    monkeypatch.setenv("TONGBAN_INSTANCE", "mine")
    borrow_local_settings("tongban_intake")
    assert (os.environ["TONGBAN_KAFKA"], os.environ["TONGBAN_INSTANCE"]) == ("local:1", "mine")
    monkeypatch.delenv("TONGBAN_KAFKA")


def test_a_running_stack_leaves_all_that_its_commands_need(tmp_path: Path) -> None:
    stack = Stack("commands", tmp_path / "commands")
    try:
        found = programs.operators_settings(stack)
    finally:
        ports.release(stack.root)
    for package, kind in KINDS.items():
        needed = {f"TONGBAN_{name.upper()}" for name, field in kind.model_fields.items() if field.is_required()}
        assert needed <= found[package].keys()
        assert processes.MARK not in found[package]
    assert found["tongban_certificates"]["TONGBAN_INSTANCE"] == "certificates"
    assert {"TONGBAN_KAFKA", "TONGBAN_ACTS_PUBLIC"} <= found["tongban_catalog"].keys()


def test_a_running_stack_leaves_a_file_for_one_more_replica_of_a_departments(tmp_path: Path) -> None:
    stack = Stack("replica", tmp_path / "a folder")
    try:
        file = tmp_path / "approvals-reform.env"
        file.write_text(programs.env_file(stack, "approvals-reform"))
        port = stack.port("approvals-reform")
    finally:
        ports.release(stack.root)
    settings = read_settings(ApprovalsSettings, file)
    assert settings.approvals_departments == frozenset({"development-reform", "ecology"})
    assert settings.acts_dir == stack.acts
    assert settings.replica != "0"
    assert settings.http_port != port


def test_output_into_a_pipe_that_is_closed_ends_quietly(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    line = [sys.executable, "-m", "tongban_local.cli", "--stack", "none-of-the-tests", "token", "citizen", "--help"]
    for arguments in (line, [*line[:-3], "status"]):
        done = subprocess.run(
            arguments, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False, cwd=tmp_path
        )
        assert (done.returncode, done.stderr) == (0, "")
    os.close(writing)


@pytest.mark.parametrize(
    ("line", "duties"),
    [
        (["token", "officer"], tokens.IN_CHARGE),
        (["token", "officer", "--duty", "supervisor"], ("supervisor",)),
        (["token", "citizen"], ()),
    ],
)
def test_a_development_officer_has_the_duties_of_the_demonstrations_people(
    line: list[str], duties: tuple[str, ...]
) -> None:
    assert cli.token_request(cli.parser().parse_args(line)).duties == duties
