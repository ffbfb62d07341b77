# The menu. `make conformance` and `make test` need nothing but Debian 12, root and Python 3.11: they install the rest.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
DRIVER ?= overlay2
TIER ?= smoke
# Seconds that each parser is fuzzed
SECONDS ?= 600
# The modules that own-mutants changes, as in make own-mutants MODULES=reports/text.py
MODULES ?=
# A directory of bundles, in any nesting: what `make conformance` leaves, or public/bundles of a night's workflow
BUNDLES ?= bundles
# The directories of editions that docs/example takes, as in make editions NIGHTS="nights/2026-11-30 nights/2026-12-01"
NIGHTS ?=
# Names that they must not show, as of a host's kernel
HIDE ?=
# The kill matrix of overlay2 is tracked: it shows what the checks of this commit were seen to notice.
KILLS ?= $(if $(filter overlay2,$(DRIVER)),mutants/kills.json,build/kills.json)
# The bundles of a run with --cuts whose results docs/durability.md has, as in make durability CUTS=bundles/RUN
CUTS ?=
# What a site shows besides bundles
SHOWN_BESIDE = $(addprefix --kills=,$(wildcard $(KILLS))) $(addprefix --weekly=,$(wildcard docs/weekly.json))
# The bundle whose breaks docs/repro.md shows scripts of, as in make repro BUNDLE=bundles/RUN
BUNDLE ?=
# Options of `roadworthy weekly`, as in make weekly WEEKLY=--rest
WEEKLY ?=

# What the suite calls. The Docker package's own service is not started, see `packages`.
PACKAGES := docker.io runc fio e2fsprogs xfsprogs btrfs-progs fuse-overlayfs util-linux libc-bin \
	coreutils gzip sed tar findutils grep sqlite3 strace git python3 python3-venv qemu-system-common
# What its own tests call besides.
TEST_PACKAGES := chromium qemu-system-x86 mmdebstrap kmod docker-registry

.DEFAULT_GOAL := help
.PHONY: help conformance test check bench sensitivity fuzz own-mutants weekly site example editions screenshots house coverage durability data reliability commands scaling workers reference docs changes repro clean lock packages test-packages root

help: ## this menu
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

conformance: root packages .venv/ready ## install what is missing, run every check on DRIVER (overlay2), write the matrix
	.venv/bin/pytest --driver=$(DRIVER)

test: root packages test-packages .venv/ready ## install what is missing, run the suite's own tests
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/pytest tests -m "not guest and not builds and not long"

check: .venv/ready ## format, lint, types and unit tests: some minutes, no root, no Docker
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/pytest tests -q -m "not real"

bench: root packages .venv/ready ## benchmarks of TIER (smoke, nightly, weekly) on DRIVER against native
	.venv/bin/pytest bench --driver=$(DRIVER) -m $(TIER) --benchmark-only

sensitivity: root packages .venv/ready ## prove that checks can fail: faulty drivers, and which checks notice them
	.venv/bin/python -m roadworthy.mutants --driver=$(DRIVER) --kills=$(KILLS) --page=build/kills.html

fuzz: .venv/ready ## fuzz what reads input of others, SECONDS (600) a parser; atheris is installed for it
	.venv/bin/pip install -q --disable-pip-version-check --no-deps atheris==3.0.0
	.venv/bin/python tests/fuzzing/fuzz.py --seconds=$(SECONDS)

own-mutants: .venv/ready ## change the suite's own pure code, place by place: its tests have to notice; MODULES, or all
	.venv/bin/python tests/own_mutants/mutate.py $(MODULES)

weekly: root packages test-packages .venv/ready ## what CI never runs: tests of guests and engine roots, and matrices/weekly.toml lane by lane
	.venv/bin/roadworthy weekly $(WEEKLY)

site: .venv/ready ## the site of BUNDLES (all of bundles/), the kill matrix and the last weekly result in build/site
	.venv/bin/roadworthy site $(BUNDLES) --out build/site $(SHOWN_BESIDE)

example: .venv/ready ## the site of the real runs in docs/example in build/example/public
	.venv/bin/python tests/house/example.py
	.venv/bin/roadworthy site build/example/bundles --out build/example/public $(SHOWN_BESIDE)

editions: .venv/ready ## pack the editions NIGHTS, as they may be published, into docs/example
	.venv/bin/python tests/house/example.py $(NIGHTS) $(addprefix --hide=,$(HIDE))

screenshots: example ## take the pictures of the README anew, of the site of docs/example
	.venv/bin/python tests/house/screenshots.py

house: .venv/ready ## draw the picture of the house in CONTRIBUTING.md anew, from what its files import
	.venv/bin/python tests/house/picture.py

coverage: .venv/ready ## write what docs/coverage.md says of the checks anew, from their promises, and its counts
	.venv/bin/python tests/house/coverage_page.py

durability: .venv/ready ## write the operations of docs/durability.md anew, and its results from the bundles CUTS
	.venv/bin/python tests/house/durability_page.py $(CUTS)

data: .venv/ready ## write the tables of docs/data.md anew, and the schemas of the site's data
	.venv/bin/python tests/house/data_page.py

reliability: .venv/ready ## write what docs/reliability.md says of the tests anew, from their names and docstrings
	.venv/bin/python tests/house/reliability_page.py

commands: .venv/ready ## write the transcripts of docs/commands.md anew
	.venv/bin/python tests/house/commands_page.py

scaling: .venv/ready ## conduct runs over simulated nodes, and write what they took into docs/scaling.md
	.venv/bin/python tests/house/scaling_page.py

workers: .venv/ready ## run six lanes with -n 0 and -n 2 in turns, and write their times into docs/scaling.md
	.venv/bin/python tests/house/workers_page.py

reference: .venv/ready ## write the pages of docs/reference anew, from the code
	.venv/bin/python tests/house/reference_page.py

docs: .venv/ready ## build the documents as a site in build/docs, with every link checked
	.venv/bin/sphinx-build -q -E -n -W --keep-going -b html -c docs -d build/doctrees . build/docs

changes: .venv/ready ## print what the next release would say, from changes/
	@.venv/bin/towncrier build --draft 2>/dev/null

repro: .venv/ready ## run a script for every recorded break of BUNDLE, and write what they show into docs/repro.md
	.venv/bin/python tests/house/repro_page.py $(BUNDLE)

clean: ## remove what builds and runs left in the checkout; bundles stay
	rm -rf .venv build .pytest_cache .mypy_cache .ruff_cache .benchmarks *.egg-info

lock: ## resolve pyproject.toml anew into requirements.lock, with hashes
	.venv/bin/pip install -q pip-tools
	.venv/bin/pip-compile -q --generate-hashes --allow-unsafe --strip-extras --extra=bench --extra=dev --extra=docs --extra=build \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --output-file=requirements.lock pyproject.toml

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	.venv/bin/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

root:
	@[ "$$(id -u)" = 0 ] || { echo "this mounts file systems and starts daemons: run make as root, or with sudo" >&2; exit 1; }

packages:
	@.ci/packages $(PACKAGES)

test-packages:
	@.ci/packages $(TEST_PACKAGES)
