# Every target makes its own virtual environment first; when it exists, that costs nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: quick smoke bench test lint format clean

quick: $(READY)  ## train super-nets and ground truth on real images; Tables 1 and 2, Figure 2 (minutes)
	$(BIN)/commonweight run quick --out results/quick

smoke: $(READY)  ## everything once at the smallest size (seconds)
	$(BIN)/commonweight run smoke --out results/smoke

bench: $(READY)  ## race the engine against plain PyTorch; fills docs/engine.md (18 minutes, on a quiet machine)
	$(BIN)/python benchmarks/race.py --docs
	$(BIN)/python benchmarks/kernels.py --docs
	$(BIN)/python benchmarks/breakdown.py
	$(BIN)/python benchmarks/scaling.py

test: lint  ## lint, types, tests
	$(BIN)/pytest

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

clean:
	rm -rf $(VENV) build dist src/*.egg-info
