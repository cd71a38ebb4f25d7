# Stele: `make run` serves a filled log, `make test` checks everything. `make help` lists the rest.

SHELL := /bin/bash
CARGO ?= cargo
PYTHON ?= python3
PORT ?= 7070
DATA ?= ./stele-data
BENCH_ARGS ?=

VENV := tests/.venv
WEB := server/web
# The build directory, wherever the environment or a configuration file puts it.
TARGET = $(shell $(CARGO) metadata --format-version 1 --no-deps | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')

.PHONY: help run build test verifiers fs-verity soak bench lint web web-test venv tools-build tools-web tools-test
.DEFAULT_GOAL := help

# A server without its page is no product: its build fails where the page is not built.
run build test soak bench tests-build: export STELE_REQUIRE_UI := 1

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: web ## Serve ./stele-data on 127.0.0.1:7070, filled once with a month of demo events (PORT=, DATA=)
	@CARGO="$(CARGO)" PORT="$(PORT)" DATA="$(DATA)" tests/run-demo.sh

build: web ## Build the release binary
	$(CARGO) build --release --locked -p stele-server --bin stele
	@echo "built $(TARGET)/release/stele"

test: tools-test web ## Everything that must pass, in short forms
	@# The stores are fetched while the compiler works.
	@$(MAKE) --no-print-directory -j2 venv tests-build
	$(CARGO) test --locked --workspace --no-fail-fast
	@# Each of them keeps one processor busy.
	@$(MAKE) --no-print-directory --output-sync=target -j2 python-test web-test PROFILE=debug

.PHONY: python-test
python-test:
	$(VENV)/bin/python tests/python/custody.py
	$(VENV)/bin/python tests/python/verifier.py
	$(VENV)/bin/python tests/python/export.py $(TARGET)/debug

verifiers: tools-test venv ## Verifiers that others wrote, in Rust, Go and Python, against a log of 100,000 events
	tests/verifiers.sh "$(CARGO)"

fs-verity: tools-build ## `serve --fs-verity` in a virtual machine with Debian's kernel and an ext4 disk, under emulation: minutes
	tests/fs-verity.sh "$(CARGO)"

soak: tools-test venv web ## The same in full figures: 200 kills, every power cut, 100,000 questions in each state, 10 minutes of fuzzing a parser
	$(CARGO) build --profile soak --locked --workspace --bins --tests
	STELE_SOAK=1 $(CARGO) test --profile soak --locked --workspace --no-fail-fast
	$(VENV)/bin/python tests/python/custody.py
	STELE_SOAK=1 $(VENV)/bin/python tests/python/verifier.py
	tests/fuzz.sh 600

bench: web ## Measure, and print one table (BENCH_ARGS=--quick for small sizes)
	$(CARGO) build --release --locked -p stele-server --bin stele -p stele-benches --bins
	$(TARGET)/release/stele-bench $(BENCH_ARGS)

.PHONY: tests-build
tests-build:
	$(CARGO) build --locked --workspace --bins --tests

lint: tools-build ## Format, clippy and documentation, with warnings as errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps

web: tools-web $(WEB)/dist/index.html ## Build the page into server/web/dist
$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json
	npm --prefix $(WEB) ci --no-audit --no-fund
$(WEB)/dist/index.html: $(WEB)/node_modules/.package-lock.json $(WEB)/package.json $(WEB)/vite.config.ts $(WEB)/index.html $(shell find $(WEB)/src $(WEB)/public $(WEB)/scripts -type f)
	npm --prefix $(WEB) run build
	@touch $@

PROFILE ?= release
web-test: web ## Lint and test the page; in a browser too, with pictures of every page, against the server that is built (PROFILE=release)
	npm --prefix $(WEB) run lint
	npm --prefix $(WEB) test
	STELE_BIN=$(TARGET)/$(PROFILE)/stele STELE_GENERATE=$(TARGET)/$(PROFILE)/stele-generate npm --prefix $(WEB) run e2e

venv: $(VENV)/stamp ## The environment of the checks in Python, with pinned packages
$(VENV)/stamp: tests/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@

tools-build:
	@tests/check-tools.sh "$(CARGO)" cc
tools-web: tools-build
	@tests/check-tools.sh node npm
tools-test: tools-web
	@tests/check-tools.sh "$(PYTHON)" chromium

