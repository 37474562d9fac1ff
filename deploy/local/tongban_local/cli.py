"""`tongban-local`: the local system at the command line."""

import argparse
import importlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

from tongban_runtime.clock import ShiftedClock, read_shift, write_shift
from tongban_schemas.types import CHINA

from tongban_local import credentials, lifecycle, mailbox, programs, tokens
from tongban_local.errors import LocalStackError
from tongban_local.stack import LOCAL, SERVICES, GivenEngines, Stack

Command = Callable[[Stack, argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns: the exit status."""
    options = parser().parse_args(arguments)
    stack = Stack(options.stack, given=GivenEngines.from_environment())
    command: Command = options.command
    try:
        status = command(stack, options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except LocalStackError as problem:
        print(f"tongban-local: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _up(stack: Stack, options: argparse.Namespace) -> int:
    lifecycle.up(stack)
    print(f"  办件 intake       {stack.url('intake')}/  API {stack.url('intake')}/docs")
    print(f"  核验 verify       {stack.url('certificates')}/")
    print(f"  登录 sign-in      {stack.url('issuer')}/authorize?redirect_uri={stack.url('intake')}/")
    print(f"  邮箱 mailbox      {stack.maildir}")
    return 0


def _engines_up(stack: Stack, options: argparse.Namespace) -> int:
    lifecycle.engines_up(stack)
    return 0


def _fetch(stack: Stack, options: argparse.Namespace) -> int:
    lifecycle.kafka_launch(stack.local)
    return 0


def _down(stack: Stack, options: argparse.Namespace) -> int:
    lifecycle.down(stack)
    return 0


def _reset(stack: Stack, options: argparse.Namespace) -> int:
    lifecycle.reset(stack)
    return 0


def _status(stack: Stack, options: argparse.Namespace) -> int:
    """Table of the programs; status 3 when nothing runs, as for init scripts."""
    if not stack.supervisor.running():
        print(f"{stack.name}: 未运行 not running. 请运行 Run `make up`.")
        return 3
    for entry in stack.supervisor.entries():
        if entry["name"] == "owner":
            continue
        print(f"  {entry['name']:<24}{entry['statename']:<10}{stack.address(entry['name']):<18}{entry['description']}")
    print(f"  日志 logs: {stack.logs}")
    return 0


def _mail(stack: Stack, options: argparse.Namespace) -> int:
    if options.number is None:
        print(mailbox.listing(stack.maildir))
        return 0
    mails = mailbox.read(stack.maildir)
    if not 1 <= options.number <= len(mails):
        raise LocalStackError(
            f"没有第 {options.number} 封 There is no message {options.number}; 共 {len(mails)} in all."
        )
    print(mailbox.rendering(mails[options.number - 1]))
    return 0


def token_request(options: argparse.Namespace) -> tokens.TokenRequest:
    """The claims that a command line asks for: an officer is in charge unless duties are named."""
    return tokens.TokenRequest(
        role=options.role,
        sub=options.sub,
        departments=tuple(options.department),
        duties=tuple(options.duty or (tokens.IN_CHARGE if options.role == "officer" else ())),
    )


def _token(stack: Stack, options: argparse.Namespace) -> int:
    print(tokens.sign(credentials.signing_key(stack.secrets), stack.url("issuer"), token_request(options)))
    return 0


def _clock(stack: Stack, options: argparse.Namespace) -> int:
    """Show the stack's time, or move it: everything that time brings about then happens."""
    if options.days is not None:
        write_shift(stack.clock_shift, read_shift(stack.clock_shift) + timedelta(days=options.days))
    print(ShiftedClock(stack.clock_shift).now().astimezone(CHINA).isoformat(" ", "seconds"))
    return 0


def _environment(stack: Stack, options: argparse.Namespace) -> int:
    print(json.dumps(programs.service_environment(stack, options.program), indent=2))
    return 0


def _demo(stack: Stack, options: argparse.Namespace) -> int:
    demo = importlib.import_module("tongban_local.demo")
    return int(demo.main(stack))


def parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    parser = argparse.ArgumentParser(prog="tongban-local", description="本机系统 The local system, without Docker.")
    parser.add_argument("--stack", default="main", help=f"名称 name of the stack, a folder under {LOCAL.name}/ (main)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Command, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=command)
        return added

    add("up", _up, "启动全部 start everything and wait until it is ready")
    add("down", _down, "停止全部 stop everything; data stays")
    add("status", _status, "状态 what runs, and where")
    add("reset", _reset, "停止并删除数据 stop and delete all data")
    add("demo", _demo, "演示一件投资项目 the demonstration")
    add("fetch", _fetch, "下载 Kafka fetch Kafka and make ready for it")
    engines = add("engines", _engines_up, "仅引擎 only Kafka, PostgreSQL, mail and issuer")
    engines.add_argument("action", choices=["up"])
    mail = add("mail", _mail, "邮箱 list the mailbox, or show one message")
    mail.add_argument("number", type=int, nargs="?", help="序号 number of the message in the list")
    token = add("token", _token, "开发令牌 print a development token")
    token.add_argument("role", choices=["citizen", "officer", "operator"])
    token.add_argument("--sub", type=UUID, default=uuid4(), help="pseudonym, a UUID")
    token.add_argument("--department", action="append", default=[], help="department id, for officers; repeatable")
    told = "head, receiver, supervisor; repeatable; an officer has those of the demonstration's people unless named"
    token.add_argument("--duty", action="append", default=[], choices=["head", "receiver", "supervisor"], help=told)
    clock = add("clock", _clock, "时钟 show the stack's time, or move it by days, for trying deadlines out")
    clock.add_argument("days", type=float, nargs="?", help="天数 days to move it, such as 5 or 0.5")
    environment = add("env", _environment, "程序的设置 settings of a service, as JSON")
    environment.add_argument("program", choices=SERVICES)
    return parser


if __name__ == "__main__":
    sys.exit(main())
