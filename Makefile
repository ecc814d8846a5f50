PYTHON ?= python3
BIN    := .venv/bin
READY  := .venv/.ready
DATA   := $(or $(FASTMONAI_TEST_DATA),$(abspath ../shared/data))
UV      = UV_HTTP_TIMEOUT=300 $(BIN)/uv pip install --quiet --compile-bytecode --python

.DEFAULT_GOAL := help
.PHONY: help demo test tutorials generate docs paper dist clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# uv installs in seconds what takes pip minutes; where there is none, pip does. Both compile, so that a first import is quick
$(READY): settings.ini setup.py pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv && $(UV) $(BIN)/python -e '.[dev,demo,ixi,hub,dicom,onnx,serve,viewer]' || $(BIN)/python -m pip install -e '.[dev,demo,ixi,hub,dicom,onnx,serve,viewer]'
	touch $@

.venv: $(READY)  ## make the environment, again when its requirements have changed

demo: $(READY)  ## train, validate, interpret and export a 3D segmentation, without network
	$(BIN)/fastmonai demo

test: $(READY)  ## every check but cells marked slow or cuda
	$(BIN)/python .ci/check.py

tutorials: $(READY)  ## run every tutorial and keep its outputs
	FASTMONAI_TEST_DATA=$(DATA) $(BIN)/nbdev-test nbs/tutorials --save --timing --n-workers 1 --flags 'slow $(if $(wildcard $(DATA)/.),data)'
	$(BIN)/nbdev-clean --fname nbs/tutorials

generate: $(READY)  ## write the modules and README.md from the notebooks, and clean these
	$(BIN)/nbdev-export
	$(BIN)/nbdev-clean
	$(BIN)/python docs/readme.py

docs: $(READY)  ## build the website in _docs; RUN=--run runs the module notebooks first, for their pictures
	$(UV) $(BIN)/python -e '.[docs]'
	$(BIN)/python docs/build.py $(RUN)

paper: $(READY)  ## compute the paper's numbers, figures and tables, and write paper/paper.md and paper/paper.pdf
	$(UV) $(BIN)/python -e '.[paper,dev]'
	FASTMONAI_TEST_DATA=$(DATA) $(BIN)/python paper/build.py

dist: $(READY)  ## build the wheel, install it in an environment of its own and run the demo there
	rm -rf dist build
	$(BIN)/python -m build --wheel
	$(PYTHON) -m venv build/venv
	$(UV) build/venv/bin/python "$$(ls $(CURDIR)/dist/*.whl)[demo]"
	cd "$$(mktemp -d)" && $(CURDIR)/build/venv/bin/fastmonai demo

clean:  ## remove what the other commands made, but .venv
	rm -rf build dist _docs _proc *.egg-info
