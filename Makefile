# renderbench: `make demo` walks the whole road on the built-in phantom, `make test` runs the tests.
# Both set up their own environment in .venv first.

PYTHON  ?= python3
VENV    ?= .venv
BIN     := $(VENV)/bin
STAMP   := $(VENV)/.installed

ROOT    ?= root
SUITE   ?= demo
DATASET ?= phantom
RAW     ?=
METHOD  ?= agp
TABLE   ?= all
FORMAT  ?= all
# A cluster line (docs/datasets.md), and whatever else a verb's --help lists.
CLUSTER ?=
OPTIONS ?=

.PHONY: help setup demo test lint download dataset groundtruth train renderfm run tables leaderboard clean

help: ## Show this list.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: $(STAMP) ## Make .venv and install renderbench into it.

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else f"renderbench needs Python 3.11 or newer, found {v[0]}.{v[1]}; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	# For LPIPS's published heads alone: its dependencies would bring another torch.
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps lpips
	touch $@

demo: $(STAMP) ## Walk the whole road on the built-in phantom (into demo-root/).
	$(BIN)/renderbench demo --root demo-root

test: $(STAMP) ## Run the tests.
	$(BIN)/pytest

lint: $(STAMP) ## Check style and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

download: $(STAMP) ## Fetch a public dataset: DATASET, RAW (where to).
	$(BIN)/renderbench download $(DATASET) --to $(RAW) $(OPTIONS)

dataset: $(STAMP) ## Stage 1: DATASET, RAW, ROOT, CLUSTER, OPTIONS.
	$(BIN)/renderbench dataset $(DATASET) $(if $(RAW),--raw $(RAW)) --root $(ROOT) $(if $(CLUSTER),--cluster "$(CLUSTER)") $(OPTIONS)

groundtruth: $(STAMP) ## Stage 2: ROOT, SUITE, CLUSTER, OPTIONS.
	$(BIN)/renderbench groundtruth --root $(ROOT) --suite $(SUITE) $(if $(CLUSTER),--cluster "$(CLUSTER)") $(OPTIONS)

train: $(STAMP) ## Stage 3: ROOT, SUITE, OPTIONS; Render-FM.
	$(BIN)/renderbench train renderfm --root $(ROOT) --suite $(SUITE) $(OPTIONS)

renderfm: $(STAMP) ## The whole road to the checkpoint renderfm-mini, hours: ROOT.
	$(BIN)/renderbench dataset phantom --root $(ROOT) --id renderfm-train --split train --extent part --seed 100000 --count 32
	$(BIN)/renderbench dataset phantom --root $(ROOT) --id renderfm-detail --split train --extent detail --seed 300000 --count 48
	$(BIN)/renderbench dataset phantom --root $(ROOT) --id renderfm-val --split val --extent part --seed 200000 --count 4
	$(BIN)/renderbench groundtruth --root $(ROOT) --suite renderfm-mini
	$(BIN)/renderbench train renderfm --root $(ROOT) --suite renderfm-mini --config renderfm-mini

run: $(STAMP) ## Stage 4: ROOT, SUITE, METHOD.
	$(BIN)/renderbench run --root $(ROOT) --suite $(SUITE) --method $(METHOD)

tables: $(STAMP) ## Stage 5: ROOT, SUITE, TABLE (1 to 5, suite or all), FORMAT.
	$(BIN)/renderbench tables --root $(ROOT) --suite $(SUITE) --table $(TABLE) --format $(FORMAT)

leaderboard: $(STAMP) ## Stage 5: ROOT, as CSV and as a site.
	$(BIN)/renderbench leaderboard export --root $(ROOT)

clean: ## Remove the environment and caches (never a root).
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
