"""Kafka and PostgreSQL in containers, by testcontainers.

The images are the project's own (`make images`); `TONGBAN_KAFKA_IMAGE` and `TONGBAN_POSTGRES_IMAGE` name others, such as
`apache/kafka:4.3.1` and `postgres:18`, which take the same settings. Where the engine has no bridge network the containers
share the host's.
"""

import os
import re
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import psutil

from tongban_local import kafka, ports, postgres
from tongban_local.errors import LocalStackError

KAFKA_IMAGE = "tongban/kafka:4.3.1"
POSTGRES_IMAGE = "tongban/postgres:18"
_OWNER = "cn.tongban.owner"
_CLUSTER = "4L6g3nShT-eMCtK--X86sw"


def images(environ: Mapping[str, str] = os.environ) -> tuple[str, str]:
    """Names of the Kafka and the PostgreSQL image."""
    return environ.get("TONGBAN_KAFKA_IMAGE", KAFKA_IMAGE), environ.get("TONGBAN_POSTGRES_IMAGE", POSTGRES_IMAGE)


def problem(environ: Mapping[str, str] = os.environ) -> str | None:
    """Why containers cannot be had: no Docker engine, no testcontainers, no images. None when they can."""
    if not _answers(environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")):
        return "无 Docker 引擎 no Docker engine answers"
    try:
        import docker
        import testcontainers.core.container  # noqa: F401 - only whether it is there
    except ImportError:
        return "未安装 testcontainers is not installed (make setup)"
    client = docker.from_env()
    try:
        for image in images(environ):
            client.images.get(image)
    except docker.errors.ImageNotFound:
        return f"Docker 中没有镜像 Docker has no image {image} (make images)"
    except docker.errors.DockerException as failure:
        return f"Docker: {failure}"
    finally:
        client.close()
    return None


@contextmanager
def run(environ: Mapping[str, str] = os.environ) -> Iterator[tuple[str, str, str]]:
    """Both engines for the length of the block: Kafka's host:port, PostgreSQL's URL, Kafka's version."""
    from testcontainers.core.config import testcontainers_config

    # Its reaper is one more image; what a killed test run leaves is removed by the next one instead.
    testcontainers_config.ryuk_disabled = True
    _remove_orphans()
    kafka_image, postgres_image = images(environ)
    with ExitStack() as cleanup:
        on_host = not _has_bridge()
        database = _start(cleanup, postgres_container(postgres_image, on_host))
        broker = _start(cleanup, kafka_container(kafka_image, on_host))
        url = f"postgresql://tongban:{database.env['POSTGRES_PASSWORD']}@{ports.HOST}:{database.env['PGPORT']}/postgres"
        address = str(broker.env["KAFKA_ADVERTISED_LISTENERS"]).rpartition("/")[2]
        try:
            postgres.wait(url)
            kafka.wait(address)
        except LocalStackError as failure:
            said = b"\n".join(part for part in (*broker.get_logs(), *database.get_logs())).decode("utf-8", "replace")
            raise LocalStackError(f"{failure}\n{said[-3000:]}") from failure
        yield address, url, _kafka_version(broker)


def kafka_container(image: str, on_host: bool) -> Any:
    """A one-node broker with the settings of the local stack; image as `apache/kafka`, settings by environment."""
    port, controller = _free_port(), _free_port()
    settings = kafka.server_properties(port, controller) | {"log.dirs": "/var/lib/kafka/data"}
    if not on_host:
        settings["listeners"] = f"PLAINTEXT://0.0.0.0:{port},CONTROLLER://{ports.HOST}:{controller}"
    environment = {f"KAFKA_{key.upper().replace('.', '_')}": value for key, value in settings.items()}
    return _container(image, environment | {"CLUSTER_ID": _CLUSTER}, [], port, on_host)


def postgres_container(image: str, on_host: bool) -> Any:
    """A server with the settings of the local stack; image as `postgres`, settings by `-c`."""
    port = _free_port()
    settings = postgres.SETTINGS | {"listen_addresses": ports.HOST if on_host else "*", "port": str(port)}
    settings.pop("unix_socket_directories")
    command = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    environment = {"POSTGRES_USER": "tongban", "POSTGRES_PASSWORD": secrets.token_urlsafe(16), "PGPORT": str(port)}
    return _container(image, environment, ["postgres", *command], port, on_host)


def _container(image: str, environment: Mapping[str, str], command: list[str], port: int, on_host: bool) -> Any:
    from testcontainers.core.container import DockerContainer

    container: Any = DockerContainer(image)
    for name, value in environment.items():
        container.with_env(name, value)
    if command:
        container.with_command(command)
    labels = {_OWNER: str(os.getpid())}
    if on_host:
        return container.with_kwargs(network_mode="host", labels=labels)
    container.ports = {port: (ports.HOST, port)}
    return container.with_kwargs(labels=labels)


def _start(cleanup: ExitStack, container: Any) -> Any:
    cleanup.callback(container.get_docker_client().client.close)
    cleanup.callback(container.stop)
    return container.start()


def _kafka_version(broker: Any) -> str:
    """The version in the name of the client jar that the image runs."""
    answer = broker.exec(["ls", "/opt/kafka/libs"])
    found = re.search(r"kafka-clients-(\S+)\.jar", answer.output.decode("utf-8", "replace"))
    return found.group(1) if found else "?"


def _has_bridge() -> bool:
    import docker

    client = docker.from_env()
    try:
        return bool(client.networks.list(names=["bridge"]))
    finally:
        client.close()


def _remove_orphans() -> None:
    """Remove containers whose test run is gone."""
    import docker

    client = docker.from_env()
    try:
        for container in client.containers.list(all=True, filters={"label": _OWNER}):
            if not psutil.pid_exists(int(container.labels[_OWNER])):
                container.remove(force=True, v=True)
    finally:
        client.close()


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind((ports.HOST, 0))
        return int(sock.getsockname()[1])


def _answers(host: str) -> bool:
    """Whether something listens at a Docker address, unix:// or tcp://."""
    parts = urlsplit(host)
    try:
        if parts.scheme == "unix":
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                sock.settimeout(2.0)
                sock.connect(parts.path)
        else:
            with socket.create_connection((parts.hostname or ports.HOST, parts.port or 2375), timeout=2.0):
                pass
    except OSError:
        return False
    return True
