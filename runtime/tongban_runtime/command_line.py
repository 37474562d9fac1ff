"""The command line of a service: subcommands with a help each, and what is missing or wrong in one plain line each."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

from pydantic import ValidationError

from tongban_runtime.settings import RuntimeSettings

REFUSED: Final = 2
"""Exit status when a service does not even start."""
_LOCAL: Final = Path(".local") / "main" / "settings"
"""Where the local stack, while it runs, leaves the settings of its services, below the project's folder."""
_OWN: Final = ("TONGBAN_KAFKA", "TONGBAN_DATABASE")

Settings = TypeVar("Settings", bound=RuntimeSettings)


class StartRefusedError(ValueError):
    """A service does not start with what it was given. ``zh`` and ``en`` say what to do."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} {en}")
        self.zh = zh
        self.en = en


@dataclass(frozen=True, slots=True)
class Command:
    """A service's own command: what it does, its options, and what runs it; exit status out."""

    text: str
    options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[Any, argparse.Namespace], Coroutine[Any, Any, int]]

    async def __call__(self, settings: RuntimeSettings, arguments: Sequence[str]) -> int:
        parser = argparse.ArgumentParser(description=self.text)
        self.options(parser)
        return await self.run(settings, parser.parse_args(list(arguments)))


def parse(package: str, commands: Mapping[str, Command], arguments: Sequence[str]) -> argparse.Namespace:
    """The options of a command line, with ``command``: ``run`` when none is named. Ends the process on a wrong one or a help."""
    parser = argparse.ArgumentParser(prog=f"python -m {package}")
    added = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    text = "运行服务（缺省） run the service, which is what happens without a command"
    run = added.add_parser("run", help=text, description=text)
    run.add_argument(
        "--only", default="", help="只运行这些部件，用逗号分隔 components to run, with commas; all by default"
    )
    text = "升级数据库 bring the database up to date"
    added.add_parser("migrate", help=text, description=text)
    for name, command in commands.items():
        command.options(added.add_parser(name, help=command.text, description=command.text))
    for one in added.choices.values():
        one.add_argument(
            "--env-file",
            type=Path,
            metavar="FILE",
            help="设置文件，每行 TONGBAN_名称=值；环境变量优先 settings, TONGBAN_NAME=value a line; the environment wins",
        )
    whole = list(arguments)
    if not whole or (whole[0].startswith("-") and whole[0] not in ("-h", "--help")):
        whole.insert(0, "run")
    return parser.parse_args(whole)


def read_settings(kind: type[Settings], env_file: Path | None = None) -> Settings:
    """Settings from the environment, and from a file what it does not set.

    Ends the process when the file cannot be read, and with a line for each setting that is missing or wrong.
    """
    if env_file is not None and not env_file.is_file():
        refuse(f"没有这个设置文件 there is no such file of settings: {env_file}")
    try:
        return kind(_env_file=env_file, _env_file_encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        refuse(f"设置文件不能读取 the file of settings cannot be read: {env_file} ({type(error).__name__})")
    except ValidationError as error:
        refuse(
            *explained(kind, error),
            "设置来自环境变量或 --env-file 文件，清单见 README.md“您是部门”；本机系统用 make up 启动。",
            "Settings come from the environment or an --env-file: README.md lists a department's; `make up` starts a local stack.",
        )


def explained(kind: type[RuntimeSettings], error: ValidationError) -> Iterator[str]:
    """A line for each setting that is missing or wrong. It never holds the value."""
    for problem in error.errors(include_input=False, include_url=False, include_context=False):
        name = str(problem["loc"][0]) if problem["loc"] else ""
        field = kind.model_fields.get(name)
        about = field.description if field is not None and field.description else ""
        if problem["type"] == "missing":
            yield f"TONGBAN_{name.upper()} 没有设置 is not set. {about}".strip()
        else:
            told = problem["msg"].removeprefix("Value error, ")
            yield f"TONGBAN_{name.upper()} 不能使用 cannot be used: {told}. {about}".strip()


def borrow_local_settings(package: str) -> None:
    """Takes the settings of a running local stack where the environment has none, and says so. Only one's own file is read."""
    if any(name in os.environ for name in _OWN):
        return
    for folder in (Path.cwd(), *Path.cwd().parents):
        file = folder / _LOCAL / f"{package}.json"
        if file.is_file() and file.stat().st_uid == os.getuid():
            for name, value in json.loads(file.read_text("utf-8")).items():
                os.environ.setdefault(name, value)
            sys.stderr.write(f"使用本机系统的设置 with the settings of the local stack: {file}\n")
            return


def refuse(*lines: str) -> NoReturn:
    """Ends the process before anything has begun, saying why."""
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    raise SystemExit(REFUSED)
