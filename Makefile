# Two commands for a stranger: `make demo` and `make test`. Both set everything up in .venv by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-quick coverage mutations check docs benchmarks clean

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $(READY)

demo: $(READY)
	$(BIN)/djproject demo demo --workers 2

# Three processes for two cores, because many tests wait; few tests at a time, because some take minutes.
test: $(READY)
	$(BIN)/python -m pytest -n 3 --maxschedchunk 2 $(PYTEST_ARGS)

# What needs no server and no container, without what takes long.
test-quick: $(READY)
	$(BIN)/python -m pytest -n 3 -q -m "not slow" tests/unit tests/cli tests/test_architecture.py djproject $(PYTEST_ARGS)

# Lines and branches that the tests reach, also in the processes they start; a server in .venv is enough.
COVERED := tests/unit tests/cli tests/test_architecture.py tests/integration/test_populate.py \
  tests/integration/test_loop.py tests/integration/test_queue_upkeep.py tests/integration/test_groups.py \
  tests/integration/test_faults.py tests/integration/test_deploy.py tests/integration/test_drift.py \
  tests/integration/test_embedded.py tests/integration/test_stores.py tests/integration/test_shell.py
coverage: $(READY)
	$(BIN)/python -m pytest -n 2 -q --cov --cov-report=term -k "not mysql and not writes_its_cache_only" $(COVERED)

# Breaks the code on purpose, one change at a time, and shows which changes no test notices.
mutations: $(READY)
	$(BIN)/python -m tests.mutations $(WORDS)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/python docs/prose.py

docs: $(READY)
	$(BIN)/python docs/generate.py --check
	$(BIN)/mkdocs build --strict

benchmarks: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[benchmarks]'
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) demo build dist site .pytest_cache .mypy_cache .ruff_cache
