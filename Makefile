# Every target makes what it needs: a Python 3.11 or newer, make and a package registry are enough.

VENV := .venv
BIN := $(VENV)/bin
ROOT := $(CURDIR)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
CODE := cerebelum cerebelum_cli tests benchmarks examples docs
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench campaign pictures clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)$$/  make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r t d; do printf '%-16s %s\n' "$$t" "$$d"; done

demo: $(VENV)/.run-installed ## run the main example
	@mkdir -p .demo
	cd .demo && $(ROOT)/$(BIN)/cerebelum run $(ROOT)/examples/stdlib_index.py

test: $(VENV)/.dev-installed ## run all tests but benchmarks and campaigns; ARGS="-k name" chooses
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

lint: $(VENV)/.dev-installed ## check style, types and layers
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(VENV)/.bench-installed ## measure this engine and its peers
	$(BIN)/python -m benchmarks $(ARGS)

campaign: $(VENV)/.dev-installed ## run the long proofs of reliability
	$(BIN)/python -m pytest -m campaign $(ARGS)

pictures: $(VENV)/.run-installed ## draw the README's pictures again
	$(BIN)/python docs/pictures.py

clean: ## remove the environment, caches and what the demo left
	rm -rf $(VENV) .demo .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist

# The default python3 is taken where it is new enough. Each candidate is run, not only looked up: a version
# manager may have a command for a Python it does not start.
$(VENV)/.created:
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	    if "$$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	        echo "$$python -m venv $(VENV)"; \
	        "$$python" -m venv --clear $(VENV) && touch $@ && exit 0; \
	        echo "error: $$python could not create $(VENV)" >&2; exit 1; \
	    fi; \
	done; \
	echo "error: no Python 3.11 or newer with venv and ensurepip was found." >&2; \
	echo "  help: install one (Debian and Ubuntu: python3 and python3-venv), or say where it is: make PYTHON=/path/to/python3" >&2; \
	exit 1

$(VENV)/.run-installed: $(VENV)/.created pyproject.toml
	$(PIP) --editable .
	@touch $@

$(VENV)/.dev-installed: $(VENV)/.created pyproject.toml
	$(PIP) --editable '.[dev]'
	@touch $(VENV)/.run-installed $@

$(VENV)/.bench-installed: $(VENV)/.dev-installed
	$(PIP) --editable '.[dev,bench]'
	@touch $@
