# Every target works on a machine with only Python (3.11 or newer) and git.
PYTHON ?= python3
VENV ?= .venv
TESTS ?= tests
BIN = $(VENV)/bin

.PHONY: check checkov test test-all lint types fast docs golden freshness matrix mutations bench release
$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable . --group dev --group validators
	touch $@

.venv-checkov/.installed: pyproject.toml $(VENV)/.installed
	$(BIN)/uv --quiet venv --clear --python $(BIN)/python .venv-checkov
	$(BIN)/uv --quiet pip install --compile-bytecode --python .venv-checkov --group checkov
	touch $@

checkov: .venv-checkov/.installed  ## a checker of deployment files, for tests that are skipped without it

check: lint types fast  ## lint, format, types and the fast tests; about two minutes

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed
	$(BIN)/mypy

fast: $(VENV)/.installed
	$(BIN)/pytest -q -n 2 --dist loadgroup -m "not service and not slow" $(TESTS)

# Rendered projects that are started and tested wait as much as they compute: three share two cores.
# The other tests with servers, some of which look at times under load, run one at a time.
BOOTED = $(addprefix tests/service/test_,matrix.py lock.py change_of_features.py pgbouncer.py)
test: $(VENV)/.installed  ## the tests
	$(BIN)/pytest -q -n 2 --dist loadgroup -m "not service and not nightly"
	$(BIN)/pytest -q -n 3 -m "not nightly" --junitxml=.boot-matrix.xml $(BOOTED)
	$(BIN)/pytest -q -m "service and not nightly" $(BOOTED:%=--ignore=%)

test-all: $(VENV)/.installed  ## every test, one at a time: on a machine that does nothing else
	$(BIN)/pytest -q

docs: $(VENV)/.installed  ## write what is derived in the README
	$(BIN)/python docs/derive.py

golden: $(VENV)/.installed  ## write the golden trees anew
	PYTHONPATH=. $(BIN)/python tests/golden_trees.py

freshness: $(VENV)/.installed  ## do rendered projects work on the newest packages? which one breaks what?
	$(BIN)/python scripts/freshness.py

matrix: $(VENV)/.installed  ## boot every project of the matrix; writes docs/boot-matrix.md
	$(BIN)/python scripts/boot_matrix.py

mutations: $(VENV)/.installed  ## make mistakes on purpose and see that the suite notices each
	$(BIN)/python scripts/mutations.py

bench: $(VENV)/.installed  ## the rendered service beside others; writes bench/README.md; on a machine that does nothing else
	$(BIN)/python -m pip install --quiet --group bench
	$(BIN)/python bench/bench_service.py
	$(BIN)/python bench/bench_service.py --edge

release: $(VENV)/.installed  ## VERSION=x.y.z: changelog, tag, build, smoke test; pushes nothing
	$(BIN)/python scripts/release.py $(VERSION)
