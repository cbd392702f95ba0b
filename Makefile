# Everything runs in ./.venv, which `make setup` fills from the lock files (versions and hashes).
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
ROUNDS ?= 2000
SITE ?= site
BENCH ?=

.PHONY: help setup demo bench bench-full test lint types imports unit coverage soak lock build release wheelhouse clean docs generated
.PHONY: test-live test-live-slurm test-live-slurm-22.05 test-live-slurm-24.11 test-live-openstack test-container test-docs test-install test-release test-example

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-20s %s\n", $$1, $$2}'

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

bench: $(STAMP)  ## what the agent costs, beside the stored result, in 3 minutes; BENCH="--output FILE" and more (docs/performance.md)
	$(BIN)/python -m benchmarks $(BENCH)

bench-full: $(STAMP)  ## the large cases too, up to 100,000 accounts
	$(BIN)/python -m benchmarks --full $(BENCH)

LIVE := test-live-slurm-22.05 test-live-openstack test-live-slurm-24.11 \
        test-container test-docs test-install test-release test-example

# three at a time: they mostly wait for their daemons
test-live: $(STAMP)  ## all live suites
	$(MAKE) --no-print-directory --jobs 3 --output-sync=target $(LIVE)

test-install: $(STAMP)  ## the commands of docs/how-to/install.md, with PyPI and without a network (root on Debian 12)
	$(BIN)/pytest tests/live/install

test-example:  ## the example plug-in, on a real PostgreSQL (from Debian's package postgresql)
	scripts/test-example

test-docs: $(STAMP)  ## every page of the site in Debian's chromium (as root it installs it)
	$(BIN)/pytest tests/live/site

test-release: $(STAMP)  ## the files of a release, made twice (needs PyPI)
	$(BIN)/pytest tests/live/release

test-live-slurm: test-live-slurm-22.05 test-live-slurm-24.11  ## real SLURM daemons, two releases (root on Debian 12: installs and starts what it needs)

test-live-slurm-22.05: $(STAMP)
	$(BIN)/pytest tests/live/slurm -k "not 24.11"

test-live-slurm-24.11: $(STAMP)
	$(BIN)/pytest tests/live/slurm -k 24.11

test-live-openstack: $(STAMP)  ## real Keystone, Nova, Cinder and Neutron, which it installs into .lab and starts
	$(BIN)/pytest tests/live/openstack

test-container: $(STAMP)  ## builds the image with buildah and runs the agent in it (root on Debian 12: installs what it needs)
	$(BIN)/pytest tests/live/container

lock: $(STAMP)  ## renew the lock files: newest versions, with hashes, without addresses
	scripts/lock $(BIN)/uv

generated: $(STAMP)  ## the reference, the manual page and completion from the code, the performance page from its result
	PYTHONPATH=scripts $(BIN)/python -m documentation
	$(BIN)/python -m benchmarks.document

docs: $(STAMP)  ## the site in site/, built strictly: a broken link fails
	@# not --quiet: it would hide warnings from --strict too
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --clean --site-dir $(SITE)

release: $(STAMP)  ## all files of a release in dist/: sdist, wheel, bill of materials, checksums; needs PyPI
	scripts/release $(BIN)/python

build: $(STAMP)  ## sdist and wheel in dist/
	rm -f dist/waldur_import_agent-*
	$(BIN)/python -m build

wheelhouse: $(STAMP)  ## dist/wheelhouse: all for an installation without a network, of the wheel in dist/
	PYTHON=$(or $(PYTHON),$(BIN)/python) scripts/wheelhouse

clean:  ## remove what was made
	rm -rf $(VENV) examples/*/.venv dist build site .lab .mypy_cache .ruff_cache .pytest_cache .hypothesis
