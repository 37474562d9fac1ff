#!/usr/bin/env bash
# 建立 .venv Makes .venv: the locked dependencies and the project's own packages, editable.
# Usage: deploy/local/setup.sh MEMBER...   (from the project's folder)
set -euo pipefail

uv_version=0.13.9
began=$SECONDS
say() { printf '[setup %3d s] %s\n' "$((SECONDS - began))" "$1"; }
fail() { printf 'setup: %s\n' "$1" >&2; exit 1; }
enough='import sys; sys.exit(sys.version_info < (3, 11))'

deploy/local/system-packages.sh run

if ! .venv/bin/python -c "$enough" 2>/dev/null; then
  python=""
  for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
    if "$candidate" -c "$enough" 2>/dev/null; then python=$candidate && break; fi
  done
  [ -n "$python" ] || fail "需要 Python >= 3.11 is needed (PYTHON=/path/to/python make setup)"
  say "Python 环境 environment"
  "$python" -m venv --clear .venv || fail "缺少 venv The venv module is missing: apt-get install python3-venv"
fi

# Beside site-packages, so that `pip sync` does not remove the program that runs it.
if [ "$(.venv/.uv/bin/uv --version 2>/dev/null | cut -d' ' -f2)" != "$uv_version" ]; then
  say "uv $uv_version"
  .venv/bin/python -m pip install -q --disable-pip-version-check --upgrade --target .venv/.uv "uv==$uv_version"
fi
uv() { VIRTUAL_ENV="$PWD/.venv" .venv/.uv/bin/uv "$@"; }

say "依赖 dependencies (requirements.lock)"
uv pip sync -q --require-hashes requirements.lock
say "本项目 the project's packages"
editable=()
for member in "$@"; do editable+=(-e "./$member"); done
uv pip install -q --no-deps --no-build-isolation "${editable[@]}"
ln -sf ../.uv/bin/uv .venv/bin/uv

say "Kafka"
.venv/bin/python -m tongban_local.cli fetch
say "完成 done"
