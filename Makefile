# Everything runs in ./.venv, which `make setup` fills from the lock files (versions and hashes).
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
ROUNDS ?= 2000

.PHONY: docs generated help setup demo test test-live test-live-slurm test-live-openstack test-container test-example lint types imports unit coverage soak lock build clean

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: $(STAMP)  ## set up ./.venv with locked versions

$(STAMP): lock/dev.txt pyproject.toml scripts/setup
	scripts/setup $(VENV)
	@touch $@

demo: $(STAMP)  ## the main job from request to answer, on an embedded Waldur
	@$(BIN)/waldur-import-agent demo

test: $(STAMP) lint types imports unit  ## all that needs no outside service

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports

unit: $(STAMP)
	$(BIN)/pytest -n 2 --dist worksteal tests --ignore=tests/live

coverage: $(STAMP)  ## the same tests, and what they do not reach
	$(BIN)/pytest -n 2 --dist worksteal --cov --cov-report=term tests --ignore=tests/live

soak: $(STAMP)  ## ROUNDS=2000 rounds under trouble; the last line is the result (docs/reliability.md)
	PYTHONPATH=tests $(BIN)/python -m soak --rounds $(ROUNDS)

test-live: test-live-slurm test-live-openstack test-container test-example  ## all live suites

test-example:  ## the example plug-in, on a real PostgreSQL (from Debian's package postgresql)
	scripts/test-example

test-live-slurm: $(STAMP)  ## real SLURM daemons, two releases (root on Debian 12: installs and starts what it needs)
	$(BIN)/pytest tests/live/slurm

test-live-openstack: $(STAMP)  ## real Keystone, Nova, Cinder and Neutron, which it installs into .lab and starts
	$(BIN)/pytest tests/live/openstack

test-container: $(STAMP)  ## builds the image with buildah and runs the agent in it (root on Debian 12: installs what it needs)
	$(BIN)/pytest tests/live/container

lock: $(STAMP)  ## renew the lock files: newest versions, with hashes, without addresses
	scripts/lock $(BIN)/uv

generated: $(STAMP)  ## the reference, the manual page and completion, from the code
	PYTHONPATH=scripts $(BIN)/python -m documentation

docs: $(STAMP)  ## the site in site/, built strictly: a broken link fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --clean

build: $(STAMP)  ## sdist and wheel in dist/
	$(BIN)/python -m build

clean:  ## remove what was made
	rm -rf $(VENV) examples/*/.venv dist build site .lab .mypy_cache .ruff_cache .pytest_cache .hypothesis
