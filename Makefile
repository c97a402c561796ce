# Everything runs in .venv, which is made when it is missing or when the packages it should hold have changed.

PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow check lint format bench profile ablation clean

help:  ## Say what there is
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1\t\2/p' Makefile | expand -t 16

demo: .venv  ## Show what small answers for made-up videos, then train tiny and score both; 7 to 16 minutes on two cores
	$(BIN)/eoras demo

test: check  ## From a bare machine to all tests passed, but for the slow ones and those for a GPU

check: lint  ## Linters, types, layers and all tests but the slow ones and those for a GPU
	$(BIN)/python -m pytest -n 2

lint: .venv  ## Linters, types and layers
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/pyright
	$(BIN)/lint-imports --no-logo

test-slow: .venv  ## The tests that take minutes
	$(BIN)/python -m pytest -m slow

format: .venv  ## Lay the code out as the linters want it
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: .venv  ## Measure speed and memory; print a table and write JSON
	$(BIN)/python -m benchmarks

profile: .venv  ## Say which modules take the time, forward and in training
	$(BIN)/python -m benchmarks.profile

ablation: .venv  ## Train and score what has no result in benchmarks/ablation/results yet, write docs/ablation.md
	$(BIN)/python -m benchmarks.ablation ablation/data ablation/runs

clean:  ## Remove what the targets above have made, but for the data and runs of the ablation
	rm -rf .venv build dist demo benchmarks/results.json .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# The pip of $(PYTHON) fills .venv from outside, so a Python without ensurepip (Debian's python3) will do.
.venv: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "eoras needs Python 3.11 or newer, found %s at %s; try: make PYTHON=python3.11" % (sys.version.split()[0], sys.executable))'
	$(PYTHON) -m venv --clear --without-pip .venv
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@
