import shlex
from pathlib import Path

import pytest
from supervisor.options import ServerOptions
from tongban_local.errors import LocalStackError
from tongban_local.supervise import Program, render


def test_supervisord_reads_odd_paths_and_values_as_they_are(tmp_path: Path) -> None:
    root = tmp_path / "50% of it, here"
    (root / "logs").mkdir(parents=True)
    program = Program("odd", "services", ["/bin/echo", "a b", "100%"], root, {"SECRET": "a%b,c=d'e"})
    config = tmp_path / "supervisord.conf"
    config.write_text(render(root, tmp_path / "s", [program]), "utf-8")
    options = ServerOptions()
    options.realize(["-c", str(config)])
    (read,) = options.process_group_configs[0].process_configs
    assert shlex.split(read.command) == ["/bin/echo", "a b", "100%"]
    assert read.directory == str(root)
    assert read.environment["SECRET"] == "a%b,c=d'e"
    assert read.autorestart is not False


def test_a_value_that_the_configuration_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LocalStackError):
        render(tmp_path, tmp_path / "s", [Program("x", "services", ["true"], tmp_path, {"A": 'say "no"'})])
