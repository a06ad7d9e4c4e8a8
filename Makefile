# One command for each thing to do. `make help` lists them.

PYTHON  ?= python3
VENV    ?= .venv
CONFIG  ?= config.yaml
HOST    ?= 127.0.0.1
PORT    ?= 4000
WORKERS ?= 1
THREADS ?= 1024
ARGS    ?=

BIN = $(VENV)/bin
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check

# Each process keeps to one end of the suite, so that few gateways are started twice, and helps out at the other's.
SPREAD = --numprocesses auto --maxprocesses 8 --dist worksteal

# The tests start the program some hundred times; compiled anew each time it would cost a tenth of the run.
test soak: export PYTHONDONTWRITEBYTECODE =

# With a configuration the gateway serves it; a file that was named but is missing is an error. Otherwise: the demo.
HAS_CONFIG = $(or $(wildcard $(CONFIG)),$(filter-out config.yaml,$(CONFIG)))
COMMAND = $(if $(HAS_CONFIG),serve --config $(CONFIG),demo)
READY = $(if $(HAS_CONFIG),$(VENV)/.runtime,$(VENV)/.demo)

# A migration is one transaction. Counters of attempts need no 64 bits.
SQUAWK_OPTIONS = --assume-in-transaction --exclude prefer-bigint-over-int

.PHONY: help run test soak lint format bench clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(firstword $(MAKEFILE_LIST))

run: $(READY) ## serve config.yaml, or the demo without one (HOST, PORT, WORKERS, THREADS, CONFIG)
	@exec $(BIN)/python -m managed_files $(COMMAND) \
	    --host $(HOST) --port $(PORT) --workers $(WORKERS) --threads $(THREADS)

test: $(VENV)/.development ## run all tests (ARGS: more for pytest)
	$(BIN)/python -m pytest $(SPREAD) $(ARGS)

soak: $(VENV)/.development ## run the slow matrices as well
	$(BIN)/python -m pytest $(SPREAD) -m "soak or not soak" $(ARGS)

lint: $(VENV)/.development ## check style, types, import rules and migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/squawk $(SQUAWK_OPTIONS) $(filter-out %.rollback.sql,$(wildcard migrations/*.sql))

format: $(VENV)/.development ## rewrite the sources in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.development ## print the figures of speed and memory (ARGS: names of benchmarks)
	$(BIN)/python -m benchmarks $(ARGS)

clean: ## remove the virtual environment and the tools' caches, never the data
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis

# pip is what a broken attempt lacks (Debian without python3-venv), so the next attempt starts anew.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed: make PYTHON=…")'
	$(PYTHON) -m venv $(VENV)

# Stamps: an installation is as new as the list it was made from.
$(VENV)/.runtime: requirements.txt constraints.txt | $(BIN)/pip
	$(PIP_INSTALL) -r requirements.txt
	@touch $@

$(VENV)/.demo: $(VENV)/.runtime
	$(PIP_INSTALL) -c constraints.txt openai
	@touch $@

$(VENV)/.development: requirements.txt requirements-dev.txt constraints.txt | $(BIN)/pip
	$(PIP_INSTALL) -r requirements-dev.txt
	@touch $@
