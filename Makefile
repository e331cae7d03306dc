# make run    the dashboard on the demo          make test   every test
# make check  lint, format, types, stale tables  make docs   write the generated tables of the documents
# make clips  remake the demo clips in assets/
# make bench  every benchmark, into bench.json   make bench ONLY=audit  one group of them
# The first of them sets up .venv; PYTHON names another interpreter (3.11 or newer).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
TO_RUN := $(VENV)/.installed-to-run
TO_DEVELOP := $(VENV)/.installed-to-develop

.PHONY: run test check docs clips screenshot bench clean

run: $(TO_RUN)
	$(BIN)/python app.py $(ARGS)

test: $(TO_DEVELOP)
	$(BIN)/python -m pytest $(ARGS)

check: $(TO_DEVELOP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m docs.tables --check

docs: $(TO_DEVELOP)
	$(BIN)/python -m docs.tables

clips: $(TO_RUN)
	$(BIN)/python -m vtg_core.demo.clips

bench: $(TO_DEVELOP)
	$(BIN)/python -m tests.benchmarks $(ONLY)

screenshot: $(TO_DEVELOP)
	$(BIN)/python -m tests.browser.screenshot

$(TO_RUN): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "VTG Lens needs Python 3.11 or newer, got " + sys.version.split()[0] + "; name one with make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV) || { echo "a virtual environment could not be made; on Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }
	$(INSTALL) --upgrade pip
	@echo "Installing requirements (PyTorch is about 5 GB on Linux; this takes some minutes) ..."
	$(INSTALL) -r requirements.txt
	@touch $@

$(TO_DEVELOP): requirements-dev.txt $(TO_RUN)
	$(INSTALL) -r requirements-dev.txt
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
