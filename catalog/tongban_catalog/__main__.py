"""``python -m tongban_catalog check|diff|publish|impact|export|figures|list|show``: the catalogue from the command line."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from aiokafka.errors import KafkaError
from tongban_runtime.command_line import borrow_local_settings
from tongban_schemas.types import JsonObject

from tongban_catalog.check import check_catalog
from tongban_catalog.difference import diff
from tongban_catalog.figures import figures, figures_of, table
from tongban_catalog.graph import mermaid
from tongban_catalog.impact import impact, published_versions
from tongban_catalog.item import Item
from tongban_catalog.jsonld import cpsv, cpsv_of_all
from tongban_catalog.load import PACKAGED, Catalog, load_catalog, with_keys
from tongban_catalog.publish import publish
from tongban_catalog.reading import TopicError
from tongban_catalog.shadow import Impact

_T = TypeVar("_T")
_FAILED, _USAGE = 1, 2
_SAMPLES: Final = 3
"""How many cases are named beside each difference of an impact."""


class _RefusedError(Exception):
    """Ends the command with a status, and tells why."""

    def __init__(self, told: str, status: int = _FAILED) -> None:
        super().__init__(told)
        self.status = status


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _complain(line: str) -> None:
    sys.stderr.write(line + "\n")


def _check(chosen: argparse.Namespace) -> int:
    problems = check_catalog(chosen.root)
    for problem in problems:
        _complain(str(problem))
    if problems:
        _complain(f"{len(problems)} 个问题 / problems: nothing was published")
        return _FAILED
    catalog = load_catalog(chosen.root)
    _say(
        f"检查通过 / all right: {len(catalog.items)} 个事项 items, {len(catalog.departments)} 个部门 departments, "
        f"{len(catalog.resources)} 项信息资源 resources"
    )
    return 0


def _publish(chosen: argparse.Namespace) -> int:
    if _check(chosen):
        return _FAILED
    catalog = load_catalog(chosen.root)
    borrow_local_settings("tongban_catalog")
    keys = chosen.keys or os.environ.get("TONGBAN_ACTS_PUBLIC")
    if keys:
        catalog = with_keys(catalog, Path(keys))
    done = _on_kafka(lambda kafka, prefix: publish(catalog, kafka, prefix))
    words = {"new": "已发布 published", "same": "未变 unchanged", "changed": "已更新 updated"}
    for entry in done:
        _say(f"{words[entry.change]}  {entry.key}")
    return 0


def _impact(chosen: argparse.Namespace) -> int:
    item = _item(load_catalog(chosen.root), chosen.item)
    _show_impact(_on_kafka(lambda kafka, prefix: impact(item, kafka, prefix)))
    return 0


def _show_impact(found: Impact) -> None:
    new = found.item
    _say(f"{new.name.zh} / {new.name.en}  {new.code} v{new.version}")
    _say(f"\n在办件(留在原版本)/ running cases, each stays on its version: {len(found.running)}")
    for case in found.running:
        _say(f"  v{case.version}  {case.number or case.application}")
    _say(f"\n以往办件试算 / tried on past cases: {found.past}")
    for difference, applications in found.differences.items():
        named = ", ".join(applications[:_SAMPLES]) + (", ..." if len(applications) > _SAMPLES else "")
        _say(f"  {difference.said.zh} / {difference.said.en}  {len(applications)} 件 cases: {named}")
    if not found.differences:
        _say("  没有差异 / no difference")
    for application in found.unknown:
        _complain(
            f"办件 {application} 的事项版本不在目录主题中 / the version of this case is not in the catalogue's topic"
        )


def _diff(chosen: argparse.Namespace) -> int:
    catalog = load_catalog(chosen.root)
    new = _item(catalog, chosen.item)
    changes = diff(_older(catalog, new, chosen.old), new.definition)
    for change in changes:
        _say(f"{change.said.zh} / {change.said.en}")
    if not changes:
        _say("没有变更 / no change")
    return 0


def _older(catalog: Catalog, new: Item, old: str | None) -> JsonObject:
    """The definition to compare with: a JSON file, an item of the folder, or without either the newest published version."""
    if old is not None and old.endswith(".json"):
        try:
            definition: JsonObject = json.loads(Path(old).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise _RefusedError(f"{old} 不是事项定义的 JSON 文件 / is no JSON file of a definition: {error}") from error
        return definition
    if old is not None:
        return _item(catalog, old).definition
    versions = _on_kafka(lambda kafka, prefix: published_versions(kafka, prefix, new.code))
    if not versions:
        raise _RefusedError(
            f"{new.code} 尚未发布 / is not published yet: name an older item or a JSON file to compare with"
        )
    return max(versions.values(), key=lambda item: item.version).definition


def _export(chosen: argparse.Namespace) -> int:
    catalog = load_catalog(chosen.root)
    if chosen.item is None:
        document = cpsv_of_all(catalog.items.values(), catalog.departments, catalog.resources)
    else:
        document = cpsv(_item(catalog, chosen.item), catalog.departments, catalog.resources)
    _say(json.dumps(document, ensure_ascii=False, indent=2))
    return 0


def _figures(chosen: argparse.Namespace) -> int:
    catalog = load_catalog(chosen.root)
    found = figures(catalog.items) if chosen.item is None else [figures_of(chosen.item, _item(catalog, chosen.item))]
    if chosen.as_json:
        _say(json.dumps([one.as_json() for one in found], ensure_ascii=False, indent=2))
    else:
        for line in table(found):
            _say(line)
    return 0


def _list(chosen: argparse.Namespace) -> int:
    for name, item in load_catalog(chosen.root).items.items():
        _say(f"{item.code}  v{item.version}  {name}  {item.name.zh} / {item.name.en}")
    return 0


def _show(chosen: argparse.Namespace) -> int:
    item = _item(load_catalog(chosen.root), chosen.item)
    if chosen.graph:
        _say(mermaid(item).rstrip())
    elif chosen.as_json:
        _say(json.dumps(item.definition, ensure_ascii=False, indent=2))
    else:
        _show_text(item)
    return 0


def _show_text(item: Item) -> None:
    since = "" if item.effective_from is None else f"  {item.effective_from} 起 onwards"
    _say(f"{item.name.zh} / {item.name.en}\n{item.code} v{item.version}{since}\n{item.summary.zh}\n{item.summary.en}\n")
    for step in item.steps:
        needs = ",".join(need.step for need in step.needs) or "-"
        when = "-" if step.when is None else json.dumps(step.when.schema, ensure_ascii=False)
        _say(f"{step.id}  {step.name.zh} / {step.name.en}  [{', '.join(sorted(step.departments))}]")
        _say(f"    needs {needs}  when {when}  decide {step.decide.by}")


def _item(catalog: Catalog, name: str) -> Item:
    try:
        return catalog.item(name)
    except KeyError as error:
        raise _RefusedError(str(error.args[0])) from error


def _on_kafka(work: Callable[[str, str], Coroutine[Any, Any, _T]]) -> _T:
    borrow_local_settings("tongban_catalog")
    kafka = os.environ.get("TONGBAN_KAFKA", "")
    if not kafka:
        raise _RefusedError("请设置 TONGBAN_KAFKA=主机:端口 / set TONGBAN_KAFKA to host:port of Kafka", _USAGE)
    try:
        return asyncio.run(work(kafka, os.environ.get("TONGBAN_TOPIC_PREFIX", "")))
    except KafkaError as error:
        raise _RefusedError(
            f"Kafka {kafka} 未应答,请检查后重试 / Kafka did not answer, check it and try again: {error}"
        ) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tongban_catalog", description="事项目录 / the service catalogue")
    folder = "目录:departments.yaml、resources/、standards/、implementations/ / folder of the catalogue's files"
    parser.add_argument("--root", type=Path, default=PACKAGED, help=folder)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], told: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=told)
        added.set_defaults(run=run)
        return added

    named = "名称或编码 / name or code"
    command("check", _check, "检查全部文件 / check every file")
    compare = command("diff", _diff, "两个版本的差异 / what changes between two versions")
    compare.add_argument("item", help=f"新版本:{named}")
    told = "旧版本:名称、编码或 JSON 文件,缺省为已发布的最新版本 / older: name, code or JSON file; else the newest published"
    compare.add_argument("old", nargs="?", help=told)
    publishing = command("publish", _publish, "检查并发布到 Kafka / check, then publish to Kafka (TONGBAN_KAFKA)")
    told = "部门公钥目录 <部门>.json,缺省取 TONGBAN_ACTS_PUBLIC / folder of the departments' public keys"
    publishing.add_argument("--keys", help=told)
    trial = command(
        "impact", _impact, "新版本对在办和以往办件的影响 / what a new version means for cases (TONGBAN_KAFKA)"
    )
    trial.add_argument("item", help=named)
    export = command("export", _export, "导出 / export as CPSV-AP linked data")
    export.add_argument("--jsonld", action="store_true", required=True, help="JSON-LD")
    export.add_argument("item", nargs="?", help=f"缺省为全部 / all unless named: {named}")
    counted = command(
        "figures", _figures, "每个事项填写与获取的数量 / how much each item asks, and how much is fetched"
    )
    counted.add_argument("item", nargs="?", help=f"缺省为全部 / all unless named: {named}")
    counted.add_argument("--json", action="store_true", dest="as_json", help="JSON")
    command("list", _list, "列出事项 / list the items")
    show = command("show", _show, "显示一个事项 / show one item")
    show.add_argument("item", help=named)
    shape = show.add_mutually_exclusive_group()
    shape.add_argument("--graph", action="store_true", help="Mermaid 流程图 / Mermaid drawing of the flow")
    shape.add_argument("--json", action="store_true", dest="as_json", help="JSON 定义 / the definition as JSON")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 done, 1 refused, 2 wrongly called."""
    chosen = _parser().parse_args(arguments)
    try:
        status: int = chosen.run(chosen)
    except _RefusedError as refused:
        _complain(str(refused))
        return refused.status
    except (TopicError, ValueError) as error:
        _complain(str(error))
        return _FAILED
    return status


if __name__ == "__main__":
    sys.exit(main())
