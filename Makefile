# Everything runs in an environment of its own, .venv; only Python 3.11 or later, make and a package index are needed.
PYTHON ?= python3
BIN = .venv/bin
PYTEST = $(BIN)/python -m pytest -n 2 --dist worksteal

.PHONY: demo test test-all lint types docs clean

demo: .venv/core
	@$(BIN)/coread demo -o out/demo

test: .venv/dev
	$(PYTEST) -m "not train"

test-all: test .venv/train
	$(PYTEST) -m train

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/dev
	$(BIN)/mypy

docs: .venv/dev
	$(BIN)/python -m pytest tests/test_docs.py

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Coread needs Python 3.11 or later, this is " + sys.version.split()[0] + ": name another with make PYTHON=python3.12")'
	@$(PYTHON) -m venv .venv

.venv/core: pyproject.toml | .venv/bin/python
	@echo "Installing Coread into .venv (about a minute)"
	@$(BIN)/pip install -qq --disable-pip-version-check -e .
	@touch $@

.venv/dev: .venv/core
	@$(BIN)/pip install -qq --disable-pip-version-check -e .[dev]
	@touch $@

.venv/train: .venv/dev
	@$(BIN)/pip install -qq --disable-pip-version-check -e .[dev,train]
	@touch $@

clean:
	rm -rf .venv out .pytest_cache .mypy_cache .ruff_cache
