# Two commands: `make demo` starts everything, `make test` runs the whole suite. Both set up what is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# `uv` installs in seconds; `make setup INSTALLER=pip` does without it.
INSTALLER ?= uv
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# How many processes run the tests, each with engines of its own; `make test WORKERS=0` is for a debugger. One more than
# there are cores, since tests wait for a third of their time.
WORKERS ?= $(shell expr $$(nproc 2>/dev/null || echo 2) + 1)
# Compiled code makes a second start three times as fast; some machines switch its writing off.
export PYTHONDONTWRITEBYTECODE :=
STAMP := $(VENV)/.installed

.PHONY: demo test check setup format lint types imports schema changes docs readme migrations lock campaign rehearsal oracle bench clean

demo: setup
	@exec $(BIN)/skyledger demo

test: setup
	$(BIN)/pytest --numprocesses $(WORKERS) --maxprocesses 8 --dist worksteal

check: setup format lint types imports schema changes docs readme migrations test

setup: $(STAMP)

$(STAMP): requirements.lock tools/uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Skyledger needs Python 3.11 or newer: make PYTHON=python3.12 ..." if sys.version_info < (3, 11) else 0)'
	@echo "Setting up $(VENV) with $(INSTALLER) ..."
# A folder without pip is what is left when Debian's python3-venv is missing.
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || test -x $(BIN)/uv || $(PYTHON) -m venv --clear $(VENV)
ifeq ($(INSTALLER),uv)
	@test -x $(BIN)/uv || $(PIP) --require-hashes --no-deps -r tools/uv.lock
# pip knows indexes and certificates from settings of its own (pip.conf) that uv does not read.
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --require-hashes requirements.lock || \
		{ echo "uv cannot install here, pip tries ..."; $(PIP) --require-hashes --no-deps -r requirements.lock; }
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --offline --no-build-isolation --no-deps --editable .
else
	@$(PIP) --require-hashes --no-deps -r requirements.lock
	@$(PIP) --no-index --no-build-isolation --no-deps --editable .
endif
	@touch $@

format: setup
	$(BIN)/ruff format --check .

lint: setup
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

schema: setup
	$(BIN)/skyledger export-schema --check

# What partners use goes only after notice: docs/changes.md.
changes: setup
	$(BIN)/python -m tools.schema_changes --check

docs: setup
	$(BIN)/python -m tools.reference --check

readme: setup
	$(BIN)/python -m tools.readme_tables --check
	$(BIN)/python tools/generate_samples.py --check

migrations: setup
	$(BIN)/python -m tools.check_migrations

# Pins every dependency with hashes, for every platform and every Python that is supported.
lock:
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --generate-hashes --no-emit-index-url --no-header --output-file requirements.lock pyproject.toml
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["bench"], sep="\n")' | \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --constraints requirements.lock --generate-hashes --no-emit-index-url --no-header --no-annotate --output-file benchmarks/requirements.lock -
	echo "uv==$$($(BIN)/uv --version | cut -d' ' -f2)" | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --output-file tools/uv.lock -

# The long campaigns of RELIABILITY: 200 SIGKILL and SIGSTOP during scans, imports, mutations and subscriptions (about
# half an hour) and 20 with the product's lease (10 minutes), 100 FLUSHALL of Valkey under the same load (10), 1,000
# disconnects of subscribers (5), the upgrade from the version before (5); 3,000 sequences of what can happen to
# recommendations (about 15), 1,000 requests of 50 tenants in a storm (1), each mutation with an idempotency key at two
# processes and through a kill (5), 1,000 examples by schemathesis of each operation (about two hours), and an hour of mixed load after which memory is flat and nothing is left open; its
# samples are kept in .cache/soak. What comes of those that break things is written into benchmarks/RELIABILITY.md.
campaign: setup
	$(BIN)/pytest -m campaign --record --hits 20 --lease 20 -s tests/campaigns/test_kill.py
	$(BIN)/pytest -m campaign --record --hits 200 --kills 200 --flushes 100 --disconnects 1000 --upgrade-seconds 30 --sequences 3000 --requests 1000 --examples 1000 --minutes 60 --soak-folder .cache/soak -s

# All campaigns but the soak in a short form (about five minutes).
rehearsal: setup
	$(BIN)/pytest -m campaign --numprocesses 2 --dist worksteal

# Compiled execution against graphql-core: 5,000 generated operations, each answered by both (10 to 15 minutes), and what
# 2,000 cost against what was estimated (3).
oracle: setup
	$(BIN)/python -m tests.execution.campaign
	$(BIN)/pytest --operations 2000 tests/execution/test_estimates.py

# The graph against hand-written routes and its peers (half an hour), into benchmarks/RESULTS.md. Peers that run on
# Node are installed by npm; without it they are left out, and the results say so. For a look:
# `make bench BENCH="--rounds 1 --seconds 0.5"`.
bench: setup
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes --no-deps -r benchmarks/requirements.lock || \
		$(PIP) --require-hashes --no-deps -r benchmarks/requirements.lock
	@if command -v npm >/dev/null; then cd benchmarks/graph/peers && npm ci --silent --no-audit --no-fund; \
		else echo "npm is not here: PostGraphile and Mercurius do not take part."; fi
	@$(BIN)/python -m benchmarks.graph.run --report $(BENCH)

clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
