#!/usr/bin/env bash
# 容器测试 All tests with Kafka and PostgreSQL in containers. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if [ "${1:-}" != inside ]; then
  deploy/local/system-packages.sh images
  deploy/local/system-packages.sh test
  exec deploy/images/with-docker.sh deploy/images/test.sh inside "$@"
fi
shift
deploy/images/build.sh inside --missing
TONGBAN_ENGINES=containers .venv/bin/python -m pytest -q "$@"
