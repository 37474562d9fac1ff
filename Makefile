# 通办的全部命令 Every command of the project; `make help` lists them.
# 路径均为相对路径，目录名任意 All paths are relative, so the folder may have any name.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules

MEMBERS := schemas runtime catalog services/intake services/approvals services/certificates services/notify deploy/local
DISTRIBUTIONS := schemas runtime catalog intake approvals certificates notify local
PACKAGES := $(addprefix -p tongban_,$(DISTRIBUTIONS))
TESTS := conftest.py tests bench $(addsuffix /tests,$(MEMBERS))
STAMP := .venv/.complete
BIN := .venv/bin
LOCAL := $(BIN)/python -m tongban_local.cli

.PHONY: help setup demo up down status reset test lint chaos outages fuzz canary lives pades bench lock images test-containers

help: ## 显示本帮助 Show this help
	@echo "通办 Tongban    make <命令 command>"
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' Makefile

setup: $(STAMP) ## 安装所需 Install what the project needs; does nothing when it is there
	@deploy/local/system-packages.sh run

$(STAMP): requirements.lock $(addsuffix /pyproject.toml,$(MEMBERS)) deploy/local/setup.sh
	@deploy/local/setup.sh $(MEMBERS)
	@touch $(STAMP)

demo: setup ## 演示 One case through every department, live; stays up until `make down`
	@$(LOCAL) demo

up: setup ## 启动 Start the whole system and wait until it is ready
	@$(LOCAL) up

down: $(STAMP) ## 停止 Stop it; no process is left, data stays
	@$(LOCAL) down

status: $(STAMP) ## 状态 What runs, and where
	@$(LOCAL) status

reset: $(STAMP) ## 重置 Stop it and delete its data
	@$(LOCAL) reset

test: setup ## 测试 All tests, on real Kafka and PostgreSQL
	@deploy/local/system-packages.sh test
	@$(BIN)/python -m pytest -q -m "not alone" -n 3 --dist loadfile
	@$(BIN)/python -m pytest -q -m alone $$(grep -rl --include='test_*.py' 'mark\.alone' $(TESTS))

lint: $(STAMP) ## 检查 Style, types and layers
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/python -m mypy $(PACKAGES)
	@$(BIN)/python -m mypy $(TESTS)
	@$(BIN)/python -c 'import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())'
	@$(BIN)/python -m tongban_schemas check
	@$(BIN)/python -m tongban_catalog check

chaos: setup ## 故障演练 Cases at load while everything is killed; nothing lost, nothing doubled
	@$(BIN)/python -m tests.chaos
	@TONGBAN_SABOTAGES=all $(BIN)/python -m pytest -q tests/test_chaos.py -k sabotage

outages: setup ## 停摆演练 Kafka away for ten minutes, PostgreSQL for two, a clock an hour off: nothing refused, nothing lost
	@$(BIN)/python -m tests.chaos.outages

fuzz: setup ## 异常记录 Twenty thousand foreign records between honest ones, against every consumer and the view
	@TONGBAN_FUZZ=20000 $(BIN)/python -m pytest -q tests/contracts/test_fuzz.py

canary: setup ## 隐私演练 Canary names in 500 cases: found nowhere but where they belong, and gone when erased
	@$(BIN)/python -m pytest -q -s tests/privacy/campaign.py

lives: setup ## 全部次序 Two thousand lives of a case, in every order of requests, against a model
	@TONGBAN_LIVES=2000 $(BIN)/python -m pytest -q tests/lifecycle/test_machine.py

pades: setup ## 签名互验 Certificates against a third validator, DSS: passed when whole, failed when changed
	@$(BIN)/python -m pytest -q -s services/certificates/tests/pades_campaign.py

bench: setup ## 性能 The figures of docs/performance.md
	@$(BIN)/python -m bench

lock: $(STAMP) ## 锁定依赖 Resolve the dependencies again into requirements.lock
	@$(BIN)/uv pip compile -q pyproject.toml --group dev --universal --generate-hashes --no-emit-index-url --no-annotate \
	  --no-header $(addprefix --no-emit-package tongban-,$(DISTRIBUTIONS)) -o requirements.lock

images: $(STAMP) ## 镜像 Build the container images of the engines, without an image registry
	@deploy/images/build.sh

test-containers: setup ## 容器测试 All tests, on engines in containers
	@deploy/images/test.sh
