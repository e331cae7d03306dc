# make run    the dashboard on the demo          make test       the tests, but those marked slow; WORKERS at a time
# make check  lint, format, types, stale tables  make test-all   every test
# make docs   write the generated tables of the documents
# make clips  remake the demo clips in assets/   make demo       train the demo model anew
# make bench  every benchmark, into bench.json   make bench ONLY=audit   one group of them
# make test-frameworks   other people's training frameworks on the demo, beside ours in a virtual environment of its own, and the
#             table of docs/frameworks.md from what they do
# make lock   write constraints.txt anew        make latest / make oldest   every test, on the newest or the oldest
#             versions that the requirements allow, in a virtual environment of its own
# The first of them sets up .venv with the versions of constraints.txt; PYTHON names another interpreter (3.11 or newer).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONSTRAINTS := constraints.txt
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
TO_RUN := $(VENV)/.installed-to-run
TO_DEVELOP := $(VENV)/.installed-to-develop

# What other versions will take away one day is shown there, and stops nothing; what they took away already does.
SHOW_DEPRECATIONS := $(foreach w,Deprecation PendingDeprecation Future,-W default::$(w)Warning)
# One more than the cores that the tests are timed on, as some of them wait for a browser; a worker takes about 1.5 GB.
# WORKERS=0 is one process.
WORKERS ?= 3
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=10
UV := .venv-lock/bin/uv
RESOLVE := $(UV) pip compile --quiet --upgrade requirements-dev.txt --custom-compile-command

.PHONY: run test test-all test-frameworks check docs clips demo screenshot bench lock latest oldest clean

run: $(TO_RUN)
	$(BIN)/python app.py $(ARGS)

test: $(TO_DEVELOP)
	$(PYTEST) -m "not slow" $(ARGS)

test-all: $(TO_DEVELOP)
	$(PYTEST) $(ARGS)

check: $(TO_DEVELOP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m docs.tables --check

docs: $(TO_DEVELOP)
	$(BIN)/python -m docs.tables

clips: $(TO_RUN)
	$(BIN)/python -m vtg_core.demo.clips

demo: $(TO_DEVELOP)
	$(BIN)/python -m vtg_core.demo_training $(ARGS)

bench: $(TO_DEVELOP)
	$(BIN)/python -m tests.benchmarks $(ONLY)

screenshot: $(TO_DEVELOP)
	$(BIN)/python -m tests.browser.screenshot

$(UV):
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check "uv>=0.9,<1"

lock: $(UV)
	$(RESOLVE) "make lock" --universal --python-version 3.11 --no-annotate --output-file constraints.txt

latest:
	rm -rf .venv-latest
	$(MAKE) test-all VENV=.venv-latest CONSTRAINTS=/dev/null ARGS="$(SHOW_DEPRECATIONS) $(ARGS)"

oldest: $(UV)
	rm -rf .venv-oldest
	$(RESOLVE) "make oldest" --resolution lowest-direct --output-file .oldest.txt
	$(MAKE) test-all VENV=.venv-oldest CONSTRAINTS=.oldest.txt ARGS="$(SHOW_DEPRECATIONS) $(ARGS)"

# The frameworks ask for other versions of torch and transformers than each other: what their data paths import is named one
# by one, and brings nothing with it.
test-frameworks:
	$(MAKE) VENV=.venv-frameworks .venv-frameworks/.installed-frameworks
	VTG_REQUIRE=frameworks .venv-frameworks/bin/python -m pytest --durations=10 tests/frameworks $(ARGS)
	.venv-frameworks/bin/python -m tests.frameworks.scoreboard

.venv-frameworks/.installed-frameworks: requirements-frameworks.txt $(TO_DEVELOP)
	$(INSTALL) --no-deps -r requirements-frameworks.txt
	@touch $@

$(TO_RUN): requirements.txt $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "VTG Lens needs Python 3.11 or newer, got " + sys.version.split()[0] + "; name one with make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV) || { echo "a virtual environment could not be made; on Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }
	$(INSTALL) --upgrade pip
	@echo "Installing requirements (PyTorch is about 5 GB on Linux; this takes some minutes) ..."
	$(INSTALL) -c $(CONSTRAINTS) -r requirements.txt
	@touch $@

$(TO_DEVELOP): requirements-dev.txt $(TO_RUN)
	$(INSTALL) -c $(CONSTRAINTS) -r requirements-dev.txt
	@touch $@

clean:
	rm -rf $(VENV) .venv-lock .venv-latest .venv-oldest .venv-frameworks .oldest.txt build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
