# Every target except `clean` creates the virtual environment that it needs. Only python3 and pip are required.
PYTHON ?= python3
NEWEST_PYTHON ?= $(or $(shell command -v python3.13),$(PYTHON))
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo demo-notice test test-slow fuzz test-all test-oldest lint docs dist bench scaling learning-curves
.PHONY: compatibility novelty page-network pictures pretrained probabilities reading recipes transfer published clean

demo: demo-notice $(VENV)/demo.stamp
	$(BIN)/python examples/plot_mnist_pipeline.py --output demo

demo-notice:
	@echo "This takes a few minutes. The first time, it downloads TensorFlow and other packages (2.6 GB on disk)."

# One process per core, but at most four, since each imports TensorFlow.
IN_PROCESSES := -n logical --maxprocesses 4 --dist worksteal

test: $(VENV)/test.stamp
	$(BIN)/python -m pytest $(IN_PROCESSES)

test-slow: $(VENV)/test-all.stamp
	$(BIN)/python -m pytest $(IN_PROCESSES) -m slow

# With all examples, of which the other targets run a fourth.
fuzz: $(VENV)/test-all.stamp
	SK_MNIST_CNN_FUZZ=all $(BIN)/python -m pytest $(IN_PROCESSES) -m slow tests/fuzz tests/test_properties.py

test-oldest:
	$(MAKE) .venv-oldest/test,oldest.stamp VENV=.venv-oldest
	.venv-oldest/bin/python -m pytest $(IN_PROCESSES)

test-all: $(VENV)/test-all.stamp
	$(BIN)/python -m pytest $(IN_PROCESSES) -m ""

lint: $(VENV)/lint.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.readthedocs .readthedocs.yaml
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff
	$(BIN)/zizmor --offline --quiet .github

compatibility:
	$(MAKE) .venv-newest/test-all.stamp VENV=.venv-newest PYTHON=$(NEWEST_PYTHON)
	.venv-newest/bin/python docs/compatibility newest
	$(MAKE) .venv-oldest/test-all,oldest.stamp VENV=.venv-oldest
	.venv-oldest/bin/python docs/compatibility oldest

docs: $(VENV)/docs.stamp
	$(BIN)/python -m sphinx -W --keep-going -j auto -b html docs docs/_build/html

dist: $(VENV)/release.stamp
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl

pictures: $(VENV)/test-all.stamp
	$(BIN)/python -m tests.pictures

# FOLDER is for fonts, which npm downloads, and for what an interrupted run continues from.
page-network: FOLDER ?= build/page_network
page-network: $(VENV)/train.stamp
	$(BIN)/python -m tests.data.make_page_network $(FOLDER)

pretrained: FOLDER ?= build/pretrained
pretrained: $(VENV)/train.stamp
	$(BIN)/python -m tests.data.make_pretrained $(FOLDER)

bench: $(VENV)/bench.stamp
	$(BIN)/python -m tests.benchmarks

scaling: $(VENV)/bench.stamp
	$(BIN)/python -m tests.benchmarks.scaling

learning-curves: $(VENV)/bench.stamp
	$(BIN)/python -m tests.benchmarks.learning_curves

recipes: $(VENV)/bench.stamp
	$(BIN)/python -m tests.benchmarks.recipes

transfer: $(VENV)/bench.stamp
	$(BIN)/python -m tests.benchmarks.transfer

novelty: $(VENV)/bench.stamp
	$(BIN)/python -m tests.benchmarks.novelty

probabilities: $(VENV)/bench.stamp
	$(BIN)/python -m tests.benchmarks.probabilities

reading: $(VENV)/bench.stamp
	$(BIN)/python -m tests.benchmarks.reading

published:
	$(PYTHON) -m tests.publishing

# A virtual environment with the package and dependency groups of pyproject.toml. `demo` contains only the
# package, `release` only the tools.
$(VENV)/demo.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/release.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --group release
	touch $@

comma := ,
$(VENV)/%.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable . $(addprefix --group ,$(subst $(comma), ,$*))
	touch $@

# The pip that comes with Python 3.11 and 3.12 does not know dependency groups.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

clean:
	rm -rf .venv .venv-oldest .venv-newest demo dist build docs/_build docs/gallery docs/api/generated
	rm -f docs/sg_execution_times.rst
	rm -rf .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
