# The everyday commands. Each makes the virtual environment it needs; Python 3.11 and make are all one has to have.
PYTHON ?= python3
DEMO_ARGS ?= --once
BIN := .venv/bin
export PYTHON

.PHONY: demo run test quick fuzz lint bench clean

demo: .venv/installed
	$(BIN)/monitor demo $(DEMO_ARGS)

run: .venv/installed
	$(BIN)/monitor run

# The bundled model is all that the tests load; offline, a test that asks for another one fails at once.
test: .venv/installed-dev
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -n 2 --dist worksteal

quick: .venv/installed-dev
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

# New examples for every property, many of them; what fails is to be kept as an example beside its property.
fuzz: .venv/installed-dev
	FUZZ=2000 $(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow" $$(grep -rl --include "test_*.py" "^from hypothesis" tests)

lint: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/monitor check --config config

bench: .venv/installed
	$(BIN)/python benchmarks/check_startup.py

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist

.venv/installed: pyproject.toml constraints.txt scripts/install
	scripts/install .venv -e .
	touch $@

.venv/installed-dev: .venv/installed
	scripts/install .venv -e '.[dev]'
	touch $@
