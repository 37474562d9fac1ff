"""Apache Kafka in KRaft mode, one node, on the loopback address.

Facts are kept for ever: no topic is made by accident and no record ages out. One node holds the only copy, so the log
is also flushed to disk every second, which bounds what a power cut can take; the death of the process takes nothing.
"""

import base64
import os
import subprocess
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from tongban_local import kafka_protocol
from tongban_local.errors import LocalStackError
from tongban_local.ports import HOST
from tongban_local.stack import Stack

_LOGGING_OPTION = "-Dlog4j2.configurationFile=kafka/log4j2.properties"
_OPTIONS = (
    "-Xms128m",
    "-Xmx512m",
    "-XX:MaxGCPauseMillis=20",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
)
_LOGGING = """\
status = error
appender.stdout.type = Console
appender.stdout.name = stdout
appender.stdout.layout.type = PatternLayout
appender.stdout.layout.pattern = %d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.stdout.ref = stdout
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = info
"""


def server_properties(port: int, controller_port: int) -> dict[str, str]:
    """Settings of the broker, paths relative to the stack's folder."""
    listeners = f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}"
    identity = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": listeners,
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": "kafka/data",
    }
    return identity | facts_settings() | one_node_settings()


def facts_settings() -> dict[str, str]:
    """What keeps facts: no accidental topics, no expiry, regular flushes, records of 1 MiB at most."""
    return {
        "auto.create.topics.enable": "false",
        "log.retention.ms": "-1",
        "log.retention.bytes": "-1",
        "log.flush.interval.ms": "1000",
        "log.flush.scheduler.interval.ms": "500",
        "offsets.retention.minutes": str(60 * 24 * 365),
        "message.max.bytes": str(1024 * 1024),
    }


def one_node_settings() -> dict[str, str]:
    """What a single small node needs: internal topics with one replica, little memory, no waiting for more consumers."""
    return {
        "default.replication.factor": "1",
        "min.insync.replicas": "1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "4",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        # A killed broker may register again only when its former self has expired.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        "controlled.shutdown.enable": "true",
        "num.network.threads": "2",
        "num.io.threads": "4",
        "log.index.size.max.bytes": str(1024 * 1024),
        "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
    }


@dataclass(frozen=True)
class Launch:
    """What a broker is started with: a Java runtime, the folder of jars, and the class archive if there is one."""

    java: Path
    jars: Path
    archive: Path | None = None

    def line(self, stack: Stack, *options: str) -> list[str]:
        """Start of a command line. Paths are relative: a colon or space in the project's path then does no harm."""
        shared = [f"-XX:SharedArchiveFile={os.path.relpath(self.archive, stack.root)}"] if self.archive else []
        class_path = f"{os.path.relpath(self.jars, stack.root)}/*"
        return [str(self.java), *options, *shared, _LOGGING_OPTION, "-cp", class_path]


def prepare(stack: Stack, launch: Launch) -> None:
    """Write the settings, and format the storage when it is new."""
    home = stack.root / "kafka"
    home.mkdir(parents=True, exist_ok=True)
    settings = server_properties(stack.port("kafka"), stack.port("kafka-controller"))
    _write(home / "server.properties", "".join(f"{key}={value}\n" for key, value in settings.items()))
    _write(home / "log4j2.properties", _LOGGING)
    formatted = home / "formatted"
    if formatted.exists():
        return
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii").rstrip("=")
    tool = [
        "kafka.tools.StorageTool",
        "format",
        "--ignore-formatted",
        f"--cluster-id={cluster}",
        "-c",
        "kafka/server.properties",
    ]
    line = [*launch.line(stack, "-XX:TieredStopAtLevel=1", "-Xmx256m"), *tool]
    done = subprocess.run(line, cwd=stack.root, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise LocalStackError(f"Kafka 存储格式化失败 Kafka could not format its storage:\n{done.stdout}{done.stderr}")
    formatted.write_text(cluster, "utf-8")


def command(stack: Stack, launch: Launch) -> list[str]:
    """Command line of the broker; its working directory is the stack's folder."""
    return [*launch.line(stack, *_OPTIONS), "kafka.Kafka", "kafka/server.properties"]


def wait(address: str, timeout: float = 180.0) -> None:
    """Return when the broker answers requests. Raises: LocalStackError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            kafka_protocol.finalized_features(address)
        except (OSError, kafka_protocol.ProtocolError) as problem:
            if time.monotonic() > deadline:
                raise LocalStackError(f"Kafka {address} 无应答 does not answer: {problem}") from problem
            time.sleep(0.05)
        else:
            return


def _write(path: Path, text: str) -> None:
    """Whole or not at all: the supervisor may start the broker at any moment."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text, "utf-8")
    fresh.replace(path)
