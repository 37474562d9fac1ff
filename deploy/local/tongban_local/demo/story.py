"""The demonstration from beginning to end; every promise it makes is checked, and a broken one ends it."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import httpx
from tongban_catalog.item import Item
from tongban_catalog.load import Catalog, load_catalog
from tongban_schemas.envelope import Event
from tongban_schemas.events.applications import ApplicationSubmitted
from tongban_schemas.events.notifications import NotificationSent

from tongban_local import lifecycle, mailbox
from tongban_local.demo import clocks, course, enrolment, picture, proof
from tongban_local.demo.office import alongside, grant_everything
from tongban_local.demo.proof import ProofFailedError
from tongban_local.demo.tail import Tail
from tongban_local.people import Applicant, Json, expect, http_client, sign_in_officers, verify_file
from tongban_local.programs import APPROVALS, CERTIFICATES
from tongban_local.progress import Announce, print_line
from tongban_local.stack import PROJECT, SERVICES, Stack
from tongban_local.terminal import fitted, terminal_width

ITEM = "enterprise-investment-project"
TRACED = ("intake", *APPROVALS, *CERTIFICATES, "notify")
"""Services that have to have a span in the case's trace."""

_MAILS = 3  # submitted, accepted, issued
_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Case:
    """The case of the demonstration, finished."""

    application: UUID
    item: Item
    answers: Json
    events: list[Event]
    status: Json
    seconds: float

    @property
    def number(self) -> str:
        return str(self.status["certificate"]["number"])


def run(stack: Stack, announce: Announce = print_line) -> int:
    """Bring everything up, take one case through, check what came of it. Everything stays up.

    Returns: 0. Raises: LocalStackError naming the first check that fails.
    """
    began = time.monotonic()
    announce("通办演示：一件投资项目，多部门并联审批 · Tongban: one investment project, every department, in parallel")
    _head(announce, "1 启动", "Start")
    lifecycle.up(stack, announce)
    asyncio.run(_demonstrate(stack, announce))
    announce("")
    announce(f"演示通过 the demonstration passed, {time.monotonic() - began:.1f} s")
    return 0


async def _demonstrate(stack: Stack, announce: Announce) -> None:
    catalog = load_catalog()
    columns = terminal_width()
    async with http_client() as http:
        applicant = await Applicant.sign_in(stack, http)
        case = await _take_through(stack, http, applicant, catalog, announce, columns)
        _show_course(case, catalog, announce, columns)
        await _show_certificate(stack, http, applicant, case, announce)
        await _show_mails(stack, case, announce)
        await _show_trace(stack, case, announce)
        _head(announce, "8 法定时限", "The law's clock")
        await clocks.show(stack, http, applicant, catalog, announce)
        _head(announce, "9 证明自动取得", "Proofs are fetched")
        fetched = await enrolment.show(stack, http, catalog, announce)
        _head(announce, "10 内存", "Memory")
        total, count = proof.check_memory(stack)
        announce(f"✓ {count} 个进程共 processes take {total / proof.GIB:.2f} GiB，含引擎 engines included，< 3 GiB")
        await _show_addresses(stack, http, case, fetched, announce)


async def _take_through(
    stack: Stack, http: httpx.AsyncClient, applicant: Applicant, catalog: Catalog, announce: Announce, columns: int
) -> Case:
    item = catalog.item(ITEM)
    answers = item.form.example()
    officers = await sign_in_officers(stack, http)
    view = picture.TimelineView(item, catalog.departments, columns)

    def tell(event: Event) -> None:
        line = view.line(event)
        if line is not None:
            announce(line)

    _head(announce, "2 申请", "Apply")
    announce(f"{item.name.zh} {item.name.en}（{item.code}）")
    announce("可选环节随申请人的回答而定 optional steps follow the applicant's answers:")
    for line in picture.branches(item, answers, columns):
        announce(f"  {line}")
    _head(announce, "3 实时时间线（读自 Kafka）", "Live, read from Kafka")
    announce(view.heading())
    async with Tail(stack.kafka, stack.topic_prefix) as tail:
        began = time.monotonic()
        application, _ = await applicant.apply(item, answers)
        tail.follow(application, tell)
        events, status = await alongside(
            [grant_everything(officer, application) for officer in officers],
            _finished(tail, applicant, application),
        )
        seconds = time.monotonic() - began
    inbox = sum(isinstance(event.data, NotificationSent) and event.data.channel == "inbox" for event in events)
    announce(
        f"办结 finished in {seconds:.1f} s：{len(events)} 个事件 events，其中站内消息 in-site messages {inbox}；"
        f"状态视图 the status view says {status['state_name']['zh']} {status['state']}"
    )
    return Case(application, item, answers, events, status, seconds)


async def _finished(tail: Tail, applicant: Applicant, application: UUID) -> tuple[list[Event], Json]:
    """The case's events up to the last mail, and its status, once the view says that the certificate is issued."""
    events = await tail.until(application, _is_told, _PATIENCE)
    deadline = time.monotonic() + _PATIENCE
    while (status := await applicant.status(application))["state"] != "issued":
        if time.monotonic() > deadline:
            raise ProofFailedError(f"状态视图停在 The status view stays at {status['state']}: {application}")
        await asyncio.sleep(0.1)
    return events, status


def _is_told(events: list[Event]) -> bool:
    mails = {
        event.data.about
        for event in events
        if isinstance(event.data, NotificationSent) and event.data.channel == "email"
    }
    return {"submitted", "accepted", "issued"} <= mails


def _show_course(case: Case, catalog: Catalog, announce: Announce, columns: int) -> None:
    _head(announce, "4 并联", "In parallel")
    found = course.courses(case.item, case.events)
    for line in picture.chart(found, catalog.departments, columns):
        announce(line)
    at_once = course.departments_at_once(found)
    if len(at_once) < 2:
        raise ProofFailedError("没有部门同时在办 No two departments worked at the same time")
    waited = course.check_order(found, case.item, case.answers)
    last = max(waited, key=lambda one: len(course.needed(one, case.item, case.answers)))
    after = " ".join(step.id for step in course.needed(last, case.item, case.answers))
    announce(
        f"✓ {len(at_once)} 个部门同时在办 departments worked at the same time；"
        f"{last.step.id} {last.step.name.zh}自行开始 opened by itself after {after}"
    )
    announce(
        f"  {len(found)} 个环节 steps，{len({one.step.department for one in found})} 个部门 departments，"
        f"{len(course.overlapping(found))} 对跨部门重叠 pairs across departments overlapped，"
        f"{len(waited)} 个等到前置环节 waited for their needs"
    )


async def _show_certificate(
    stack: Stack, http: httpx.AsyncClient, applicant: Applicant, case: Case, announce: Announce
) -> None:
    _head(announce, "5 电子证照", "Certificate")
    folder = stack.root / "demo"
    folder.mkdir(exist_ok=True)
    pdf = folder / f"{case.number}.pdf"
    original = await applicant.certificate(case.number)
    pdf.write_bytes(original)
    announce(f"  {_shown(pdf)}  {len(original) / 1024:.0f} KiB")
    ca = stack.signing / "ca.pem"
    accepted = await asyncio.to_thread(proof.check_certificate, pdf, ca)
    for line in accepted.report.splitlines():
        if any(word in line for word in ("Signer Certificate Common Name", "Validation", "Total document")):
            announce(f"  pdfsig │ {line.strip()}")
    announce("✓ 独立程序 pdfsig 核验通过 accepted by an independent program")
    altered = await asyncio.to_thread(proof.check_altered, pdf, ca)
    said = [line.strip() for line in altered.verification.report.splitlines() if "Signature Validation" in line]
    announce(
        f"✓ 第 {altered.place} 字节改动一位后被拒绝 one byte changed, refused: {said[0] if said else 'unreadable'}"
    )
    own = [(await verify_file(stack, http, content))["outcome"] for content in (original, altered.content)]
    if own[0] != "valid" or own[1] == "valid":
        raise ProofFailedError(f"核验接口的结论有误 The verify endpoint answers {own}")
    announce(f"✓ 公开核验接口 public verification: {own[0]}；改动后 altered: {own[1]}")


async def _show_mails(stack: Stack, case: Case, announce: Announce) -> None:
    _head(announce, "6 邮件", "Mail")
    mails = await proof.wait_for_mails(stack.maildir, case.application, _MAILS)
    for mail in mails:
        announce(f"  {mail.recipient}  {mail.subject}")
    announce("  最后一封 the last one:")
    for line in mailbox.rendering(mails[-1]).splitlines():
        announce(f"  │ {line}".rstrip())
    announce(f"✓ 邮箱中有 {len(mails)} 封 mails are in the mailbox")


async def _show_trace(stack: Stack, case: Case, announce: Announce) -> None:
    _head(announce, "7 轨迹", "Trace")
    submitted = next(event for event in case.events if isinstance(event.data, ApplicationSubmitted))
    trace = picture.trace_of(submitted)
    spans = await proof.wait_for_spans(stack.trace_folder, trace, TRACED)
    announce(f"  {trace}")
    for service in sorted(spans, key=lambda name: list(SERVICES).index(name)):
        announce(f"  {service:<24} {spans[service]:>4} spans")
    joined = sum(picture.trace_of(event) == trace for event in case.events)
    announce(
        f"✓ 一条轨迹贯穿 one trace spans {len(spans)} 个服务 services；"
        f"{len(case.events)} 个事件中 {joined} 个带有它 events of {len(case.events)} carry it"
    )


async def _show_addresses(stack: Stack, http: httpx.AsyncClient, case: Case, fetched: UUID, announce: Announce) -> None:
    _head(announce, "11 接着看", "Look further")
    sign_in = f"{stack.url('intake')}/login?return="
    addresses = [
        ("状态页 status page", sign_in + quote(f"/applications/{case.application}", safe="")),
        ("入学办件，证明自动取得 enrolment", sign_in + quote(f"/applications/{fetched}", safe="")),
        ("谁看过我的数据 who used my data", sign_in + quote("/ledger", safe="")),
        ("信息资源目录 information resources", f"{stack.url('intake')}/resources"),
        ("核验页 verification page", f"{stack.url('certificates')}/verify/{case.number}"),
        *((f"接口文档 API docs, {name}", f"{stack.url(name)}/docs") for name in SERVICES if name != "intake-view"),
    ]
    for title, url in addresses:
        expect(await http.get(url, follow_redirects=True), 200)
        announce(f"  {fitted(title, 44)} {url}")
    named = "" if stack.name == "main" else f" --stack {stack.name}"
    announce("  状态页请以“演示申请人”登录 sign in as “Demo applicant” to see the status page")
    announce(f"  邮箱 mailbox        .venv/bin/tongban-local{named} mail [序号 number]")
    announce(f"  日志 logs           {_shown(stack.logs)}/")
    announce(f"  轨迹 spans          {_shown(stack.trace_folder)}/")
    announce("  停止 stop           make down（数据保留 data stays；make reset 全部删除 deletes it）")


def _head(announce: Announce, zh: str, en: str) -> None:
    announce("")
    announce(f"── {zh} {en} ──")


def _shown(path: Path) -> str:
    return str(path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path)
