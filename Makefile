# Two commands for a stranger: `make demo` and `make test`. Both set everything up in .venv by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# More than there are cores, because most tests wait.
PROCESSES ?= $(shell $(PYTHON) -c 'import os; print(2 * (os.cpu_count() or 1) + 1)')

# Processes that compile all of djproject once more, each of them, would take a tenth of the tests' time.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-quick coverage mutation mutations check docs benchmarks clean

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $(READY)

demo: $(READY)
	$(BIN)/djproject demo demo --workers 2

# The tests of one file share what they build, in one process.
test: $(READY)
	$(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

# What needs no server and no container, without what takes long.
test-quick: $(READY)
	$(BIN)/python -m pytest -n $(PROCESSES) -q -m "not slow" tests/unit tests/cli tests/test_architecture.py djproject $(PYTEST_ARGS)

# Lines and branches that the tests reach, in some also in the processes they start; a server in .venv is enough.
coverage: $(READY)
	$(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder -q --cov --cov-report=term \
	  -m "not (docker or fresh or slurm or kubernetes)" $(PYTEST_ARGS)

# Breaks the code on purpose, one change at a time, and shows which changes no test notices.
mutations: $(READY)
	$(BIN)/python -m tests.mutations $(WORDS)

# Small changes of every function of three rooms, by mutmut: hours for all of them; MUTANTS='djproject.pipeline.cycles*'
# for one module.
mutation: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[mutation]'
	$(BIN)/mutmut run $(MUTANTS)

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
