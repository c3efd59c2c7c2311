# Everything here works from a clean clone: what is missing is installed first, what is there stays.

.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

CARGO ?= cargo
# More words for the demo: make run ARGS='--http 9080 --https 9443'
ARGS ?=
# How long each fuzz target runs, and which: make fuzz SECONDS=10 TARGETS='head chunked'
SECONDS ?= 60
TARGETS ?=
# Where the real programs that the tests talk to are kept.
VENV := target/parts/venv
NODE := $(if $(wildcard tests/parts/package-lock.json),tests/parts/node_modules/.package-lock.json)

# Where rustup puts it, for a shell that is older than Rust.
export PATH := $(PATH):$(HOME)/.cargo/bin

.PHONY: help run build test check fuzz bench format lint docs tidy deny parts native

help: ## Show these lines
	@sed -nE 's/^([a-z]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

run: native ## Build the release and serve the demo: an app in a bucket and an API, embedded
	@$(CARGO) run --release --locked -- demo $(ARGS)

build: native ## Build target/release/warmfront
	@$(CARGO) build --release --locked

test: native parts ## Run every test, the ones with real AWS CLI, Node and curl included
	@$(CARGO) test --workspace --locked --doc --quiet
	@$(CARGO) test --workspace --locked --tests --no-fail-fast

check: format lint docs tidy deny ## Check format, lints, docs, the house rules and dependencies

fuzz: native ## Feed every parser arbitrary input for 60 s each, or SECONDS
	@scripts/fuzz $(SECONDS) $(TARGETS)

bench: native ## Time balancing (simulated), handshakes, and one invalidation of a million responses
	@$(CARGO) bench --locked --quiet --bench balancing --bench handshakes --bench invalidation

format:
	@$(CARGO) fmt --all --check -- -l || { echo "make format: cargo fmt mends these" >&2; exit 1; }

lint: native
	@$(CARGO) clippy --workspace --all-targets --locked --quiet -- -D warnings
	@$(CARGO) clippy --manifest-path fuzz/Cargo.toml --target-dir target/fuzz --all-targets --locked \
		--quiet -- -D warnings

# The readers are those who work on the crates: nothing is private to them.
docs: native
	@RUSTDOCFLAGS='-D warnings -A rustdoc::private_intra_doc_links' \
		$(CARGO) doc --workspace --no-deps --document-private-items --locked --quiet

tidy: native
	@$(CARGO) test --locked --quiet --test tidy

deny:
	@scripts/deny

parts: $(NODE) $(VENV)/installed ## Fetch what the tests talk to, where it is missing
	@scripts/need curl dnsmasq-base jq knot knot-dnsutils nghttp2-client nginx-light openssl pebble testssl.sh

tests/parts/node_modules/.package-lock.json: tests/parts/package-lock.json
	@scripts/need npm
	@npm ci --prefix tests/parts --silent --no-audit --no-fund
	@touch $@

$(VENV)/installed: tests/parts/requirements.txt
	@scripts/need python3 python3-venv
	@rm -rf $(VENV)
	@python3 -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

native:
	@scripts/need cargo build-essential cmake
