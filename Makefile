# Two commands matter: `make demo` shows the product at work, `make test` proves it. Both set up what they need.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
SEEDS  ?= 200
SECONDS ?= 60

.PHONY: setup demo test check bench simulate peers clean lock proto fmt system-packages servers
.DEFAULT_GOAL := help

.PHONY: help
help:
	@echo "make demo | test | check | bench | peers | simulate SEEDS=1000 | setup | lock | proto | clean"

setup: $(STAMP)

$(STAMP): requirements/lock.txt pyproject.toml
	@echo "Setting up $(VENV): about 110 packages, 1.2 GB, once."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Harkara needs Python 3.11 or newer; say which: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/lock.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

# Mosquitto and Chromium, where this user may install them; tests that lack them say so.
system-packages:
	@deploy/scripts/system-packages.sh

demo: setup
	$(BIN)/harkara demo --seconds $(SECONDS) $(ARGS)

# Servers that are no system packages, where they can be built; tests that lack them say so.
servers:
	@deploy/scripts/servers.sh

test: setup system-packages servers
	$(BIN)/python -m pytest $(ARGS)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.tools.generated_code
	$(BIN)/python -m deploy.grafana.generator --check

fmt: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup system-packages
	$(BIN)/python -m benchmarks all --json $(ARGS)

# Harkara beside what people use: builds Telegraf too, takes half an hour.
peers: setup system-packages
	@deploy/scripts/servers.sh victoria-metrics influxd telegraf
	$(BIN)/python -m benchmarks peers --json $(ARGS)

simulate: setup
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) $(ARGS)

proto: setup
	$(BIN)/python -m tests.tools.generated_code --write

lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --all-extras --group dev pyproject.toml -o requirements/lock.txt --custom-compile-command "make lock"

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis harkara-demo *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
