# Sluice. `make` lists the targets; CONTRIBUTING.md says how to work here.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
PY := $(BIN)/python

# Tests wait for disks and processes more than they compute.
WORKERS := 3

.PHONY: help
help:
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 12

.PHONY: demo
demo: .venv/.ready  ## find hard frames among 1,797 real ones, explain and account for them
	$(PY) -m demo

.PHONY: loop
loop: .venv/.ready  ## label in six rounds what the next batch says, against random selection
	$(PY) -m demo.loop

.PHONY: up
up: .venv/.ready  ## run sluiced: every service in one process, on one port
	$(BIN)/sluiced

.PHONY: cluster
cluster: .venv/.ready  ## run each service as a process of its own, on Redis; ARGS='--scorers 2 --ingesters 2'
	@tools/need.sh redis-server
	$(PY) -m deploy.local $(ARGS)

.PHONY: test
test: .venv/.ready .venv-deploy/.ready  ## run all tests but those of test-peers; ARGS=… goes to pytest
	@tools/need.sh strace
	@tools/need.sh redis-server
	$(PY) -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

# The server runs from .venv, as a process of its own, so that FiftyOne's pins do not restrict it.
.PHONY: test-peers
test-peers: .venv/.ready .venv-peers/.ready $(if $(ARGS),,test-files)  ## run the tests with a real FiftyOne and files of other tools; ARGS=… goes to pytest
	PYTHONPATH=client .venv-peers/bin/python -m pytest -c tests/peers/pytest.ini \
	  --rootdir=. --confcutdir=. $(or $(ARGS),tests/peers)

# Each tool writes its files in .venv-writers, so that the tools' pins do not restrict FiftyOne's.
.PHONY: test-files
test-files: .venv/.ready .venv-writers/.ready  ## run the tests with files of polars, pandas, Ray and others; ARGS=… goes to pytest
	$(PY) -m pytest $(or $(ARGS),tests/writers)

.PHONY: check
check: check-style check-types check-imports check-words check-protos check-stubs check-needs  ## lint, types, import rules, readability, protos, stubs

.PHONY: bench
bench: .venv/.ready .venv-bench/embeddings/.ready  ## run every benchmark and merge the figures into bench/results.json
	@tools/need.sh redis-server
	$(PY) -m bench $(ARGS)

.PHONY: protos
protos: .venv-protos/.ready  ## generate the stubs in client/sluice/v1 from protos/
	tools/protos.sh client

.PHONY: lock
lock: .venv/.locked  ## pin all needs of the pyproject.toml files; UPGRADE=1 takes the newest
	$(PY) tools/lock.py $(if $(UPGRADE),--upgrade)

.PHONY: clean
clean:  ## remove environments and caches; data of sluiced stays
	rm -rf .venv .venv-bench .venv-deploy .venv-oldest .venv-peers .venv-protos .venv-writers
	rm -rf node_modules build dist client/dist
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find bench client demo services tests tools -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# The steps of `check`

.PHONY: check-style check-types check-imports check-words check-protos check-stubs check-needs
check-style: .venv/.ready
	$(PY) -m ruff check
	$(PY) -m ruff format --check

check-types: .venv/.ready
	$(PY) -m mypy

check-imports: .venv/.ready
	$(BIN)/lint-imports --no-logo

check-words: .venv/.ready
	$(PY) tools/readability.py

check-protos: node_modules/.ready
	node_modules/.bin/buf lint

# The committed stubs are what the protos say.
check-stubs: .venv-protos/.ready
	@fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; tools/protos.sh "$$fresh"; \
	diff -rq --exclude=__init__.py --exclude=__pycache__ "$$fresh/sluice/v1" client/sluice/v1 \
	  || { echo 'client/sluice/v1 is not what protos/ says: run `make protos`' >&2; exit 1; }

# The client imports without a warning on the oldest versions of its needs and nothing else, and
# on the newest.
check-needs: .venv/.ready .venv-oldest/.ready
	PYTHONPATH=client .venv-oldest/bin/python -W error tools/import_client.py
	$(PY) -W error tools/import_client.py

# What the targets need. Each is made once, and again when what it is made from changes.

.venv/.locked: requirements.lock tools/venv.sh
	tools/venv.sh .venv requirements.lock
	touch $@

.venv/.ready: .venv/.locked pyproject.toml client/pyproject.toml
	$(PY) -m pip install --quiet --no-deps --no-build-isolation -e client -e .
	$(PY) -m pip check
	touch $@

.venv-protos/.ready: requirements-protos.lock tools/venv.sh
	tools/venv.sh .venv-protos requirements-protos.lock
	touch $@

.venv-deploy/.ready: requirements-deploy.lock tools/venv.sh
	tools/venv.sh .venv-deploy requirements-deploy.lock
	touch $@

.venv-bench/.ready: requirements-bench.lock tools/venv.sh
	tools/venv.sh .venv-bench requirements-bench.lock
	touch $@

# Some 400 MB of packages, then ten minutes of embedding.
.venv-bench/embeddings/.ready: .venv-bench/.ready tools/bench_data.sh $(wildcard bench/embed/*.py)
	tools/bench_data.sh .venv-bench/packages
	.venv-bench/bin/python -m bench.embed .venv-bench/packages .venv-bench/embeddings
	touch $@

# 1.2 GB.
.venv-peers/.ready: requirements-peers.lock tools/venv.sh
	tools/venv.sh .venv-peers requirements-peers.lock
	touch $@

# 1.3 GB.
.venv-writers/.ready: requirements-writers.lock tools/venv.sh
	tools/venv.sh .venv-writers requirements-writers.lock
	touch $@

# The oldest numpy has no wheel for Python 3.13.
.venv-oldest/.ready: requirements-oldest.lock tools/venv.sh
	tools/venv.sh .venv-oldest requirements-oldest.lock python3.11 python3.12
	touch $@

# Not `npm ci`: it wants every platform's build of buf in the lock, which holds Linux's.
node_modules/.ready: package-lock.json tools/npm.sh
	tools/npm.sh install --no-save --no-audit --no-fund
	touch $@
