# Stele: `make run` serves a filled log, `make test` checks everything. `make help` lists the rest.

SHELL := /bin/bash
CARGO ?= cargo
PYTHON ?= python3
PORT ?= 7070
DATA ?= ./stele-data

VENV := tests/.venv
# The build directory, wherever the environment or a configuration file puts it.
TARGET = $(shell $(CARGO) metadata --format-version 1 --no-deps | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')

.PHONY: help run build test soak bench lint python-env tools-build tools-test
.DEFAULT_GOAL := help

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: tools-build ## Serve ./stele-data on 127.0.0.1:7070, filled once with a month of demo events (PORT=, DATA=)
	@CARGO="$(CARGO)" PORT="$(PORT)" DATA="$(DATA)" tests/run-demo.sh

build: tools-build ## Build the release binary
	$(CARGO) build --release --locked -p stele-server --bin stele
	@echo "built $(TARGET)/release/stele"

test: tools-test python-env ## Everything that must pass, in short forms
	$(CARGO) build --locked --workspace --bins
	$(CARGO) test --locked --workspace --no-fail-fast
	$(VENV)/bin/python tests/python/custody.py

soak: tools-test python-env ## The same in full figures: takes hours
	$(CARGO) build --release --locked --workspace --bins
	STELE_SOAK=1 $(CARGO) test --release --locked --workspace --no-fail-fast
	$(VENV)/bin/python tests/python/custody.py

bench: tools-build ## Measure, and print one table
	$(CARGO) run --release --locked -p stele-benches --bin stele-bench

lint: tools-build ## Format, clippy and documentation, with warnings as errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps

# The checks in Python use pinned packages in an environment of their own.
python-env: $(VENV)/stamp
$(VENV)/stamp: tests/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@

tools-build:
	@tests/check-tools.sh "$(CARGO)" cc
tools-test:
	@tests/check-tools.sh "$(CARGO)" cc "$(PYTHON)"

