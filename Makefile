# Every target makes its own virtual environment first; when it exists, that costs nothing. Running a study needs less in
# it (RUN) than developing (READY).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.run
READY := $(VENV)/.ready
QUICK := table-1 table-2 figure-2 figure-3 figure-5 insight-1 insight-2 readings

.PHONY: quick small smoke bench test torture test-cluster lint format clean

quick: $(RUN)  ## train super-nets and ground truth on real images; Tables 1 and 2, Figures 2, 3 and 5, fine-tuning (minutes)
	$(BIN)/commonweight run quick $(QUICK) --out results/quick

small: $(RUN)  ## the paper's whole programme on small images (an hour or more on two cores)
	$(BIN)/commonweight run small --out results/small

smoke: $(RUN)  ## everything once at the smallest size (a minute)
	$(BIN)/commonweight run smoke --out results/smoke

bench: $(READY)  ## race every build of the engine against plain PyTorch; fills docs/engine.md (half an hour, on a quiet machine)
	$(BIN)/python benchmarks/race.py --docs
	$(BIN)/python benchmarks/kernels.py --docs
	$(BIN)/python benchmarks/breakdown.py
	$(BIN)/python benchmarks/scaling.py

test: lint  ## lint, types, tests
	$(BIN)/pytest --numprocesses auto --dist loadfile

torture: $(READY)  ## attack tiny studies and count what is lost: nothing may be (a quarter of an hour on idle cores; docs/reliability.md)
	$(BIN)/python -m tools.torture

test-cluster: $(READY)  ## Ray on several nodes, with workers and nodes that are killed (minutes, on idle cores; not part of test)
	$(BIN)/pytest -m cluster

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

$(RUN): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $(RUN)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(RUN) $(READY)

clean:
	rm -rf $(VENV) build dist src/*.egg-info
