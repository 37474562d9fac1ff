#!/usr/bin/env bash
# Runs a command with a Docker engine: the one that answers, else a private `dockerd` that ends with the command. The
# private one keeps its images in .local/docker, has no bridge and leaves the firewall alone; containers use the host's network.
# Usage: deploy/images/with-docker.sh COMMAND [ARGUMENT...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if docker version >/dev/null 2>&1; then exec "$@"; fi
[ "$(id -u)" -eq 0 ] || { echo "没有 Docker 引擎 No Docker engine answers: start one, or run as root" >&2; exit 1; }
deploy/local/system-packages.sh images

run=$(mktemp -d)
mkdir -p .local/docker
dockerd --data-root "$PWD/.local/docker" --exec-root "$run/exec" --pidfile "$run/pid" --host "unix://$run/s" \
  --iptables=false --ip6tables=false --bridge=none >"$run/log" 2>&1 &
daemon=$!
stop() {
  kill "$daemon" 2>/dev/null || true
  wait "$daemon" 2>/dev/null || true
  umount "$run/exec/netns/default" 2>/dev/null || true
  rm -rf "$run" || true
}
trap stop EXIT
trap 'exit 130' INT TERM
export DOCKER_HOST="unix://$run/s"
for _ in $(seq 100); do
  if docker version >/dev/null 2>&1; then break; fi
  kill -0 "$daemon" 2>/dev/null || break
  sleep 0.2
done
docker version >/dev/null 2>&1 || { echo "dockerd 无法启动 does not start:" >&2; tail -n 20 "$run/log" >&2; exit 1; }
"$@"
