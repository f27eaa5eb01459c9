# `make help` lists the targets. On a fresh machine with Python 3.11 and make, `make demo` and `make test` do all the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/setup.stamp
SOURCES := config telemetry brokers geofence ingest platform_api simulator cli migrations
CODE := $(SOURCES) tests bench
FUZZ := .venv-fuzz
SECONDS ?= 60
TIMESCALE_TREE := $(or $(MESS_TIMESCALE_CHROOT),/var/lib/mess-timescale)
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup up down migrate run-api run-ingest run-worker simulate demo doctor format check test \
        test-unit test-integration test-e2e test-timescale fuzz chaos bench bench-ingest timescale lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  \033[36m%-18s\033[0m %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP) ## Create .venv and install the locked dependencies (again only after a change)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; say which: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { rm -rf $(VENV); echo "this Python cannot make a virtual environment (Debian: apt-get install python3-venv)"; exit 1; }

$(STAMP): requirements-dev.lock pyproject.toml | $(BIN)/python
	@echo "installing the locked dependencies into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@

up: setup ## Start the embedded parts, ingest, API and worker in the foreground
	$(BIN)/python -m cli up $(ARGS)

down: setup ## Stop what `make up` started
	$(BIN)/python -m cli down

migrate: setup ## Bring the database to the newest schema
	$(BIN)/python -m cli migrate

run-api: setup ## Run the API alone
	$(BIN)/python -m cli api

run-ingest: setup ## Run one ingest worker alone
	$(BIN)/python -m cli ingest

run-worker: setup ## Run the task worker with its schedule alone
	$(BIN)/python -m cli worker

simulate: setup ## Drive virtual trucks (options: make simulate ARGS="--help")
	$(BIN)/python -m cli simulate $(ARGS)

demo: setup ## Play a whole delivery over real MQTT and show the evidence
	$(BIN)/python -m cli demo $(ARGS)

doctor: setup ## Say which parts are there
	$(BIN)/python -m cli doctor

format: setup ## Format the code and mend what the linter can
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

check: setup ## Format, lint, types, import contracts and sizes, without changing anything
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/unit/test_sizes.py

# A worker for each core, with servers of its own; a file of tests stays with one worker. A Valkey or a broker that is given
# from outside is emptied by each file of tests: then there is one worker.
PARALLEL := $(if $(MESS_TEST_REDIS_URL)$(MESS_TEST_MQTT_URL),,--numprocesses auto --dist loadfile)

test: setup ## All tests; says at the end what was skipped and why
	$(BIN)/pytest $(PARALLEL) tests/unit tests/contract tests/integration $(ARGS)
	$(MAKE) test-e2e

test-unit: setup ## Tests without any I/O
	$(BIN)/pytest $(PARALLEL) tests/unit $(ARGS)

test-integration: setup ## Tests against real servers
	$(BIN)/pytest $(PARALLEL) tests/integration tests/contract $(ARGS)

# One after the other: they start whole platforms, kill processes and watch the clock.
test-e2e: setup ## Whole deliveries, and the short form of `make chaos`
	$(BIN)/pytest tests/e2e tests/chaos $(ARGS)

# What reads or writes telemetry; the market's own tables are the same on every storage level.
STORAGE_TESTS := $(addprefix tests/integration/,ingest telemetry tracking tracking_links corridor detention platform_api \
	orders/test_journey.py test_migrations.py test_models_match.py test_deadletters_command.py test_migrate_command.py)

test-timescale: setup ## The tests that meet telemetry, on TimescaleDB instead of plain PostgreSQL
	MESS_TEST_DATABASE=timescaledb MESS_REQUIRE=timescaledb $(BIN)/pytest $(PARALLEL) $(STORAGE_TESTS) $(ARGS)

fuzz: setup $(FUZZ)/setup.stamp ## Fuzz every codec, guided by coverage, for SECONDS (60)
	PYTHONPATH=$(FUZZ) $(BIN)/python -m tests.support.fuzz_codecs --seconds $(SECONDS) $(ARGS)

# Beside .venv and not in it: only `make fuzz` needs it.
$(FUZZ)/setup.stamp: requirements-fuzz.lock | setup
	rm -rf $(FUZZ)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --target $(FUZZ) -r $<
	touch $@

chaos: setup ## Kill, freeze, fill and confuse every part under load, and show that nothing is lost (ARGS="--help")
	$(BIN)/python -m tests.chaos $(ARGS)

bench: setup ## Measure ingest on this machine: rates beside the yardsticks, backlog beside live pings (about 15 min)
	$(BIN)/python -m bench $(ARGS)

bench-ingest: setup ## Measure one ingest worker against the plain baseline
	$(BIN)/python -m bench.ingest $(ARGS)

timescale: $(TIMESCALE_TREE)/usr/lib/postgresql/17/bin/postgres ## Make the tree with PostgreSQL 17 and TimescaleDB (root, debootstrap)

$(TIMESCALE_TREE)/usr/lib/postgresql/17/bin/postgres:
	rm -rf $(TIMESCALE_TREE).new
	debootstrap --variant=minbase --include=postgresql-17-timescaledb trixie $(TIMESCALE_TREE).new
	rm -rf $(TIMESCALE_TREE)
	mv $(TIMESCALE_TREE).new $(TIMESCALE_TREE)

UV_COMPILE := $(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'

lock: setup ## Resolve pyproject.toml again into the requirements*.lock files
	$(UV_COMPILE) pyproject.toml -o requirements.lock $(ARGS)
	$(UV_COMPILE) pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock $(ARGS)
	$(UV_COMPILE) --group fuzz -o requirements-fuzz.lock $(ARGS)

clean: ## Remove caches and the embedded parts' data; keeps .venv
	rm -rf .mess .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +
