# `make` alone prints what can be made. All that is needed beforehand is Python 3.11 or newer.

VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
POSTGRES_15 := /usr/lib/postgresql/15/bin
SHELL := /bin/bash
PYTEST := $(PY) -m pytest -q
# Two processes with servers of their own each: much of a test's time is waiting for others.
PARALLEL := -n 2 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help run test test-pg15 faults check lint type fmt migrations imports rules bench docs clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(INSTALLED) ## the whole service with simulated vendors; Ctrl-C stops it
	@$(PY) manage.py up

test: $(INSTALLED) ## all tests (servers are started by themselves)
	$(PYTEST) $(PARALLEL)

test-pg15: $(INSTALLED) ## the integration tests that speak SQL on Debian's Postgres 15
	@if [ -x $(POSTGRES_15)/postgres ]; then \
		echo "MARKETDATA_POSTGRES_BIN=$(POSTGRES_15) pytest tests/integration -m 'not any_postgres'"; \
		MARKETDATA_POSTGRES_BIN=$(POSTGRES_15) $(PYTEST) $(PARALLEL) tests/integration -m "not any_postgres"; \
	elif [ "$$MARKETDATA_REQUIRE_TOOLS" = 1 ]; then \
		echo "error: no Postgres 15 in $(POSTGRES_15): apt-get install postgresql-15" >&2; exit 1; \
	else \
		echo "skipped: no Postgres 15 in $(POSTGRES_15) (apt-get install postgresql-15)"; \
	fi

faults: $(INSTALLED) ## the fault tests in their long versions: killed workers, restarted servers, ill vendors
	MARKETDATA_FAULTS=long $(PYTEST) tests/faults

check: lint type migrations imports ## format, lint, types, missing migrations, imports one way

lint: $(INSTALLED) ## format and lint, changing nothing
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .

type: $(INSTALLED) ## mypy, strict
	$(VENV)/bin/mypy manage.py marketdata_site providers collector ops
	$(VENV)/bin/mypy --config-file clients/python/pyproject.toml clients/python/src

fmt: $(INSTALLED) ## format, and mend what lint can mend
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

migrations: $(INSTALLED) # no model may differ from its migrations
	$(PY) -W "ignore:Got an error checking a consistent migration history" manage.py makemigrations --check --dry-run

imports: $(INSTALLED) # who may import whom
	MARKETDATA_TEST_SERVERS=off $(PYTEST) tests/architecture/test_imports.py

rules: ## deploy/monitoring/rules.yml, made of the PrometheusRule beside it
	python3 deploy/monitoring/make_rules.py

bench: $(INSTALLED) ## the benchmarks, with the numbers to reach
	$(PY) -m benchmarks

docs: $(INSTALLED) ## links, variables and commands that the documentation names, and the feed's specification
	MARKETDATA_TEST_SERVERS=off $(PYTEST) tests/architecture/test_docs.py tests/architecture/test_feed_document.py

clean: ## remove the virtual environment and caches; the home with its data stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis staticfiles
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Installed once, and again when a requirement changes.
$(INSTALLED): requirements.txt requirements-dev.txt constraints.txt
	@test -x $(PY) || { \
		for python in "$(PYTHON)" python3.11 python3.12 python3.13 python3 python; do \
			if [ -n "$$python" ] && "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
				echo "creating $(VENV) with $$python"; exec "$$python" -m venv $(VENV); \
			fi; \
		done; \
		echo "error: no Python 3.11 or newer found; install one, or name it: make PYTHON=/path/to/python" >&2; exit 1; }
	@echo "installing packages (once, and when requirements change)"
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
