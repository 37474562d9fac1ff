"""``python -m tongban_catalog check|publish|list|show``: the catalogue from the command line."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from aiokafka.errors import KafkaError

from tongban_catalog.check import check_catalog
from tongban_catalog.graph import mermaid
from tongban_catalog.item import Item
from tongban_catalog.load import PACKAGED, load_catalog
from tongban_catalog.publish import PublishError, publish

_FAILED, _USAGE = 1, 2


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _complain(line: str) -> None:
    sys.stderr.write(line + "\n")


def _check(root: Path) -> int:
    problems = check_catalog(root)
    for problem in problems:
        _complain(str(problem))
    if problems:
        _complain(f"{len(problems)} 个问题 / problems: nothing was published")
        return _FAILED
    catalog = load_catalog(root)
    _say(f"检查通过 / all right: {len(catalog.items)} 个事项 items, {len(catalog.departments)} 个部门 departments")
    return 0


def _publish(root: Path) -> int:
    if _check(root):
        return _FAILED
    kafka = os.environ.get("TONGBAN_KAFKA", "")
    if not kafka:
        _complain("请设置 TONGBAN_KAFKA=主机:端口 / set TONGBAN_KAFKA to host:port of Kafka")
        return _USAGE
    try:
        done = asyncio.run(publish(load_catalog(root), kafka, os.environ.get("TONGBAN_TOPIC_PREFIX", "")))
    except (PublishError, ValueError) as error:
        _complain(str(error))
        return _FAILED
    except KafkaError as error:
        _complain(f"Kafka {kafka} 未确认写入,请检查后重试 / Kafka did not confirm, check it and try again: {error}")
        return _FAILED
    words = {"new": "已发布 published", "same": "未变 unchanged", "changed": "已更新 updated"}
    for entry in done:
        _say(f"{words[entry.change]}  {entry.key}")
    return 0


def _list(root: Path) -> int:
    for name, item in load_catalog(root).items.items():
        _say(f"{item.code}  v{item.version}  {name}  {item.name.zh} / {item.name.en}")
    return 0


def _show(root: Path, name: str, *, graph: bool, as_json: bool) -> int:
    try:
        item = load_catalog(root).item(name)
    except KeyError as error:
        _complain(str(error.args[0]))
        return _FAILED
    if graph:
        _say(mermaid(item).rstrip())
    elif as_json:
        _say(json.dumps(item.definition, ensure_ascii=False, indent=2))
    else:
        _show_text(item)
    return 0


def _show_text(item: Item) -> None:
    _say(f"{item.name.zh} / {item.name.en}\n{item.code} v{item.version}\n{item.summary.zh}\n{item.summary.en}\n")
    for step in item.steps:
        needs = ",".join(need.step for need in step.needs) or "-"
        when = "-" if step.when is None else json.dumps(step.when.schema, ensure_ascii=False)
        _say(f"{step.id}  {step.name.zh} / {step.name.en}  [{', '.join(sorted(step.departments))}]")
        _say(f"    needs {needs}  when {when}  decide {step.decide.by}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 done, 1 refused, 2 wrongly called."""
    parser = argparse.ArgumentParser(prog="python -m tongban_catalog", description="事项目录 / the service catalogue")
    parser.add_argument(
        "--root", type=Path, default=PACKAGED, help="目录:departments.yaml 与 items/ / folder of the catalogue's files"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="检查全部文件 / check every file")
    commands.add_parser("publish", help="检查并发布到 Kafka / check, then publish to Kafka (TONGBAN_KAFKA)")
    commands.add_parser("list", help="列出事项 / list the items")
    show = commands.add_parser("show", help="显示一个事项 / show one item")
    show.add_argument("item", help="文件名或编码 / file name or code")
    shape = show.add_mutually_exclusive_group()
    shape.add_argument("--graph", action="store_true", help="Mermaid 流程图 / Mermaid drawing of the flow")
    shape.add_argument("--json", action="store_true", dest="as_json", help="JSON 定义 / the definition as JSON")
    chosen = parser.parse_args(arguments)
    if chosen.command == "check":
        return _check(chosen.root)
    if chosen.command == "publish":
        return _publish(chosen.root)
    if chosen.command == "list":
        return _list(chosen.root)
    return _show(chosen.root, chosen.item, graph=chosen.graph, as_json=chosen.as_json)


if __name__ == "__main__":
    sys.exit(main())
