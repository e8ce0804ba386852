# What a newcomer needs first: `make demo` and `make test`. Both set up what is missing.
# rustup puts cargo where a shell that was open before does not look.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

.DEFAULT_GOAL := help
.PHONY: help setup build demo test check fmt ci install

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1|\2/p' Makefile | while IFS='|' read -r name text; do \
		printf '  %-14s %s\n' "$$name" "$$text"; done

setup: ## Install what is missing: a C compiler, PostgreSQL's programs (no server is started)
	@sh scripts/setup

build: setup ## Build the tool: target/debug/stopover
	cargo build -p stopover-cli

# An unoptimised build is there sooner, and the demo spends its time in PostgreSQL anyway.
demo: setup ## Rehearse three changes of an example shop on a copy of its data
	@cargo run -p stopover-cli -- demo

test: setup ## Run every test, and print how many there were
	@sh scripts/test

check: ## Format, clippy, layers: what .ci/run looks at before the tests
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo xtask layers

fmt: ## Format the code
	cargo fmt --all

ci: ## Everything that a submission must pass
	bash .ci/run

install: setup ## Install the tool, optimised, where cargo puts programs
	cargo install --locked --path crates/cli
