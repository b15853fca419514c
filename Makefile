# The only verbs anyone has to know. Each sets up .venv by itself; `make` alone lists them.

PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
STAMP   := $(VENV)/.installed
METHODS := $(VENV)/.methods
RUNS    ?= runs
RECIPE  ?= smoke
JOBS    ?= 2

# One thread for each numerical library: times are compared within a run, and tests run side by side.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export MPLBACKEND ?= Agg
# Tests and studies start many processes, and each would compile the house anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test check bench docs readme

help:  ## list the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# What there is to install is installed once: the methods for a demo, and the tools besides for everything else.
define install
	@echo "setup: Python environment in $(VENV) with $$($(PYTHON) --version) (minutes, the first time)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "setup: Python 3.11 or newer is needed; name one with make PYTHON=..." >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(1)]'
	@touch $@
endef

$(STAMP): pyproject.toml constraints.txt
	$(call install,dev)

$(METHODS): pyproject.toml constraints.txt
	$(if $(wildcard $(STAMP)),@$(MAKE) --no-print-directory $(STAMP) && touch $@,$(call install,all))

demo: $(METHODS)  ## reproduce every method at smoke size and print the path of the page
	@echo "demo: every method, recipe $(RECIPE)"
	@# Status 1 says that a claim fails, which is a result: the page shows it, and the verb has done its work.
	@$(BIN)/consilience reproduce --recipe $(RECIPE) --runs $(RUNS) || [ $$? -eq 1 ]

test: $(STAMP)  ## run the tests and the examples in the docstrings
	@echo "test: pytest with $(JOBS) workers"
	@$(BIN)/python -m pytest -q -n $(JOBS) --dist loadgroup

check: $(STAMP)  ## lint, format, types, layers, links
	@echo "check: ruff"
	@$(BIN)/ruff check --quiet .
	@echo "check: ruff format"
	@$(BIN)/ruff format --check --quiet .
	@echo "check: mypy, strict"
	@$(BIN)/mypy
	@echo "check: layers"
	@$(BIN)/lint-imports --no-cache >$(VENV)/layers.txt || { cat $(VENV)/layers.txt; exit 1; }
	@echo "check: links in Markdown"
	@$(BIN)/python tests/links.py

bench: $(STAMP)  ## measure beside the peers, one JSON a benchmark
	@set -e; for script in benchmarks/*/*.py; do echo "bench: $$script"; $(BIN)/python $$script; done

docs: $(STAMP)  ## build the documentation into site/
	@echo "docs: mkdocs, strict"
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "docs: site/index.html"

readme: $(STAMP)  ## write what was measured into README.md
	@echo "readme: reports from $(RUNS)/, if any, to benchmarks/; table and picture from there"
	@$(BIN)/python benchmarks/readme.py $(RUNS)
