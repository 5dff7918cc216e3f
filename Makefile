# Whichever target runs first makes .venv from the lock. It needs python3 (3.11 or later), pip and make.
#   make PYTHON=python3.13 test     another Python
#   make test ARGS="tests/core -x"  more arguments, for demos, test, survive, chaos and bench

PYTHON ?= python3
ARGS ?=
STORMS ?= 2000

BIN := .venv/bin
LOCK := requirements/dev.lock
READY := .venv/.made-from-lock
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SOURCES := src tests examples benchmarks documents

.PHONY: help demo demo-postgres test check static survive chaos bench bench-page screenshots scorecards docs reference format lock clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    fulfil orders, with a worker killed in the middle"
	@echo "make demo-postgres  the same on PostgreSQL: three workers, killed in turn, and the server crashes"
	@echo "make test    run the tests"
	@echo "make check   format, lint, types, import contracts, and the tests, tidy among them"
	@echo "make survive the examples, killed at every point and in 2,000 storms each (STORMS=…)"
	@echo "make chaos   everything that may go wrong, for half an hour, and the scorecard"
	@echo "make bench   measure against the bare floor and DBOS"
	@echo "make bench-page  how fluid the inspector's page is, in a browser"
	@echo "make screenshots  the pictures of that page in docs/images"
	@echo "make scorecards  how ready for production the examples are"
	@echo "make docs    the site of the documents, in build/docs; what isn't explained fails"
	@echo "make reference  refresh what docs/reference has of the code"
	@echo "make format  lay the code out, sort imports"
	@echo "make lock    resolve $(LOCK) anew"
	@echo "make clean   remove all that was made"

demo: $(READY)
	@$(BIN)/python -m examples.fulfilment $(ARGS)

demo-postgres: $(READY)
	@$(BIN)/python -m examples.fulfilment --postgres $(ARGS)

test: $(READY)
	@$(BIN)/python -m pytest $(ARGS)

check: static test

static: $(READY)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/ruff check --quiet $(SOURCES)
	@$(BIN)/pyright
	@$(BIN)/lint-imports --no-cache --no-logo

survive: $(READY)
	@STORMS=$(STORMS) $(BIN)/python -m pytest tests/examples -k test_survival --durations=0 $(ARGS)

chaos: $(READY)
	@$(BIN)/python -m tests.faults $(ARGS)

bench: $(READY)
	@$(BIN)/python -m benchmarks $(ARGS)

bench-page: $(READY)
	@$(BIN)/python -m benchmarks.page $(ARGS)

screenshots: $(READY)
	@$(BIN)/python -m tests.http.inspector.pictures

# A card is moved to its place once it is whole; what the command says is of interest where it fails.
scorecards: $(READY)
	@made=$$(mktemp -d) && trap 'rm -r $$made' EXIT && for folder in $$(dirname examples/*/workflows.py); do \
		world=sqlite:///$$made/$$(basename $$folder).db; \
		$(BIN)/python -m examples.evidence $$folder $$world || exit 1; \
		$(BIN)/perdure scorecard $$folder --world $$world > $$made/card 2> $$made/said || { cat $$made/said >&2; exit 1; }; \
		mv $$made/card $$folder/SCORECARD.md; \
	done

docs: $(READY)
	@$(BIN)/python -m documents --check
	@$(BIN)/python -m sphinx --fresh-env --nitpicky --fail-on-warning --keep-going --quiet -c documents docs build/docs
	@echo build/docs/index.html

reference: $(READY)
	@$(BIN)/python -m documents

format: $(READY)
	@$(BIN)/ruff check --quiet --fix --select I $(SOURCES)
	@$(BIN)/ruff format --quiet $(SOURCES)

$(READY): $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("perdure needs Python 3.11 or later: make PYTHON=python3.11 …" if sys.version_info < (3, 11) else 0)'
	@echo "making .venv from $(LOCK) …" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) install --no-deps --require-hashes --requirement $(LOCK)
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# From PyPI alone, whatever else this machine's pip is set to look at: the lock must hold everywhere.
# Pins stay where they can; `make lock ARGS=--upgrade` moves them all.
lock:
	@$(PYTHON) -m venv build/lock
	@build/lock/bin/python -m pip --disable-pip-version-check --quiet install pip-tools==7.6.2
	@env -u PIP_INDEX_URL -u PIP_EXTRA_INDEX_URL -u PIP_FIND_LINKS -u PIP_CONSTRAINT PIP_CONFIG_FILE=/dev/null \
		build/lock/bin/pip-compile --quiet --all-extras --all-build-deps --generate-hashes --allow-unsafe \
		--strip-extras --no-annotate --no-header --no-emit-options --no-emit-index-url --no-emit-find-links \
		--no-emit-trusted-host --output-file $(LOCK) $(ARGS) pyproject.toml

clean:
	@rm -rf .venv build dist .perdure .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find $(SOURCES) -type d -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
