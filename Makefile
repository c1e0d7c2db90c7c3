# The verbs of this project. `make demo` on a fresh machine needs Python 3.11 or newer, git and make, nothing else.

VENV := .venv
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.ready
# Two workers are enough to overlap waiting; `make test WORKERS=0` runs in one process, for a debugger.
WORKERS ?= 2
TESTS ?= tests

.DEFAULT_GOAL := help
.PHONY: help setup demo run test check check-format check-lint check-types check-architecture \
  format bench screenshots lock clean

help:
	@echo "make setup    the virtual environment, from requirements.lock, each file checked by its hash"
	@echo "make demo     see the whole promise kept, on this machine, in about a minute"
	@echo "make run      start Byleave with config.toml"
	@echo "make test     every test (TESTS=tests/consent for some of them, ARGS=... for pytest's options)"
	@echo "make check    format, lint, types, architecture; one alone: make check-lint"
	@echo "make bench    the short measurements (BENCH=name for one of them)"
	@echo "make screenshots  every page as a picture, into docs/pictures (needs Debian's chromium)"
	@echo "make lock     renew requirements.lock from pyproject.toml (needs uv)"
	@echo "make clean    remove the virtual environment and all caches; var/ stays"

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	@set -e; \
	for name in $(or $(BASE_PYTHON),python3.11 python3.12 python3.13 python3.14 python3); do \
	  if "$$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then base=$$name; break; fi; \
	done; \
	if [ -z "$$base" ]; then \
	  echo "Byleave needs Python 3.11 or newer with its venv module (Debian: apt-get install python3 python3-venv)." >&2; \
	  echo "Found: $$(python3 --version 2>&1 || true). Another one can be named: make setup BASE_PYTHON=/path/to/python3" >&2; \
	  exit 1; \
	fi; \
	if ! [ -x $(PYTHON) ] || ! $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
	  echo "setting up $(VENV) with $$($$base --version)"; \
	  "$$base" -m venv --clear $(VENV); \
	fi
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --no-index --no-build-isolation -e .
	@touch $(READY)

demo: setup
	$(VENV)/bin/byleave demo

run: setup
	$(VENV)/bin/byleave run

test: setup
	$(PYTHON) -m pytest -n $(WORKERS) --dist loadgroup $(ARGS) $(TESTS)
	@echo "== the same with PostgreSQL: every test that uses a database"
	BYLEAVE_TEST_DATABASE=postgresql $(PYTHON) -m pytest -n $(WORKERS) --dist loadgroup $(ARGS) $(TESTS)

check: check-format check-lint check-types check-architecture

check-format: setup
	$(VENV)/bin/ruff format --check .

check-lint: setup
	$(VENV)/bin/ruff check .

check-types: setup
	$(VENV)/bin/mypy

check-architecture: setup
	$(PYTHON) -m pytest tests/test_architecture.py

format: setup
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

screenshots: setup
	$(PYTHON) -m tests.pictures docs/pictures

bench: setup
	@found=$$(grep -l "^def main" bench/*.py 2>/dev/null | grep -v train || true); \
	if [ -z "$$found" ]; then echo "no measurements yet"; exit 0; fi; \
	for file in $$found; do \
	  name=$$(basename "$$file" .py); \
	  if [ -z "$(BENCH)" ] || [ "$(BENCH)" = "$$name" ]; then echo "== $$name"; $(PYTHON) -m bench.$$name || exit 1; fi; \
	done

lock:
	@command -v uv >/dev/null || { echo "make lock needs uv (pip install uv)" >&2; exit 1; }
	uv pip compile --quiet pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --annotation-style line -o requirements.lock
	$(PYTHON) -m tests.test_packaging packaging/requirements.lock

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
