# Everything that this project does, by name. `make` alone prints the list.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
CLI := $(BIN)/deployment-cli
INSTALLED := $(VENV)/.installed

# The targets that act on a repository of flows, and what they hand to the command:
#   make deploy-all REPOSITORY=../my-flows ENV=staging ARGS="--dry-run"
REPOSITORY ?= examples/flows
ENV ?=
ARGS ?=
IN_REPOSITORY = cd "$(REPOSITORY)" && "$(CLI)"
OPTIONS = $(if $(ENV),--env "$(ENV)") $(ARGS)

# make test TESTS=tests/discovery PYTEST_ARGS="-x"
TESTS ?= tests
PYTEST_ARGS ?=
# No test takes minutes; one that hangs must not take the whole CI job with it.
PYTEST_TIMEOUT ?= 600
CRASH_SWEEP_TIMEOUT ?= 14400

LOCK = uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-strip-extras --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock"

.PHONY: help install demo demo-down test crash-sweep recovery-evidence check format lock browser strace prometheus \
	bench pictures reference clean \
	discover-flows validate-deployments plan-deployments build-deployments deploy-python deploy-containers \
	deploy-all clean-deployments check-ui

help: ## print this list
	@awk 'BEGIN { FS = ":.*## " } /^## / { printf "\n%s\n", substr($$0, 4) } \
		/^[a-z-]+:.*## / { printf "  %-22s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

## To see it work
demo: $(INSTALLED) ## local server and workers, example flows deployed, run as process and container (works twice)
	@$(BIN)/python scripts/demo.py

demo-down: $(INSTALLED) ## stop what the demo started
	@$(BIN)/python scripts/demo.py --down

## To work on it
install: $(INSTALLED) ## make .venv with the locked dependencies (the other targets do it by themselves)

$(INSTALLED): requirements-dev.lock pyproject.toml scripts/set-up
	@scripts/set-up "$(VENV)"
	@touch $@

test: $(INSTALLED) browser strace prometheus ## run the tests against a real Prefect server that they start themselves
	$(BIN)/python -m pytest --timeout=$(PYTEST_TIMEOUT) $(TESTS) $(PYTEST_ARGS)

crash-sweep: $(INSTALLED) strace ## kill a deployment and its recovery at every request and system call (takes an hour)
	CRASH_SWEEP=all $(BIN)/python -m pytest -s --timeout=$(CRASH_SWEEP_TIMEOUT) \
		tests/crash_sweep tests/error_handling/test_rollback_crashes.py $(PYTEST_ARGS)

recovery-evidence: $(INSTALLED) ## see every recovery plan work and fail, and write docs/recovery.md with that
	rm -f docs/recovery-evidence.json
	$(BIN)/python -m pytest --timeout=$(PYTEST_TIMEOUT) -m "recovers or recovers_in_vain" \
		--recovery-evidence docs/recovery-evidence.json tests $(PYTEST_ARGS)
	$(BIN)/python scripts/write_recovery_reference.py

check: $(INSTALLED) ## ruff, mypy, the contracts between the rooms, and the locks against pyproject.toml
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_locks.py

format: $(INSTALLED) ## let ruff format and mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

browser: ## Chromium for the tests of the Prefect UI, installed where that is possible
	@scripts/get-chromium

strace: ## strace for the crash sweeps, installed where that is possible
	@scripts/get-strace

prometheus: ## Prometheus and what belongs to it for the tests of monitoring, installed where that is possible
	@scripts/get-prometheus

lock: ## resolve the dependencies anew (needs uv; LOCK_ARGS=--upgrade takes newer versions)
	$(LOCK) $(LOCK_ARGS) --output-file requirements.lock
	$(LOCK) $(LOCK_ARGS) --group dev --constraint requirements.lock --output-file requirements-dev.lock

bench: $(INSTALLED) ## measure each promise of speed beside its yardstick
	@status=0; for script in bench/*.py; do \
		echo "== $$script"; $(BIN)/python "$$script" $(ARGS) || status=1; \
	done; exit $$status

pictures: $(INSTALLED) browser prometheus ## make the pictures of the documentation from real sessions
	$(BIN)/python scripts/make_pictures.py
	$(BIN)/python scripts/make_dashboard_picture.py

reference: $(INSTALLED) ## write what docs/ and monitoring/ hold that is made from the command itself
	$(BIN)/python scripts/make_command_reference.py
	$(BIN)/python scripts/write_error_reference.py
	$(BIN)/python scripts/write_recovery_reference.py
	$(BIN)/python scripts/write_monitoring_files.py

clean: ## remove what was installed, built and cached here (make demo-down first)
	rm -rf "$(VENV)" .demo build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

## To deploy a repository of flows (REPOSITORY=folder ENV=environment ARGS=options)
discover-flows: $(INSTALLED) ## find the flows, without importing them
	@$(IN_REPOSITORY) discover $(OPTIONS)

validate-deployments: $(INSTALLED) ## check flows and configuration; nothing is changed
	@$(IN_REPOSITORY) validate $(OPTIONS)

plan-deployments: $(INSTALLED) ## show field by field what deploy-all would change
	@$(IN_REPOSITORY) plan $(OPTIONS)

build-deployments: $(INSTALLED) ## build the images of the flows that run in containers
	@$(IN_REPOSITORY) build $(OPTIONS)

deploy-python: $(INSTALLED) ## deploy the flows that run as processes
	@$(IN_REPOSITORY) deploy --type python $(OPTIONS)

deploy-containers: $(INSTALLED) ## deploy the flows that run in containers
	@$(IN_REPOSITORY) deploy --type docker $(OPTIONS)

deploy-all: $(INSTALLED) ## deploy everything
	@$(IN_REPOSITORY) deploy $(OPTIONS)

clean-deployments: $(INSTALLED) ## remove the deployments that this project's owner label marks as its own
	@$(IN_REPOSITORY) clean $(OPTIONS)

check-ui: $(INSTALLED) ## what the Prefect UI shows: deployments, drift, schedules, health, links
	@$(IN_REPOSITORY) status $(OPTIONS)
