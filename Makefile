# On a fresh machine, `make demo` and `make test` are all that is needed.
# The first target creates the virtual environment; newer locks update it.

# The first supported Python found, 3.14 last because TensorFlow lacks it; PYTHON=... names another.
PYTHON ?= $(shell for newest in 13 14; do \
	for python in python3 python3.13 python3.12 python3.11 python3.14; do \
	if $$python -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, $$newest))" 2>/dev/null; \
	then echo $$python; exit; fi; done; done)
VENV := .venv
BIN := $(VENV)/bin
# Test files run in four processes, also on two cores, because many tests wait for others.
PARALLEL := --numprocesses 4 --dist loadfile --no-loadscope-reorder --max-worker-restart 0
# Triton's clients need an older protobuf than ours, and therefore a separate environment.
TRITON_VENV := .venv-triton
# Ray is large, and only one job needs it.
RAY_VENV := .venv-ray
# Locking needs no other package, so it also works when the other environments cannot be installed.
LOCK_VENV := .venv-lock
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test unit test-deploy check format proto lock wheels newcomer lock-check measure-recognition measure-window measure-page benchmarks container-test xvfb browser services clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 27

demo: $(VENV)/bin/python ## start the server; classify the sample drawings, and MNIST if available
	@$(BIN)/python -m scripts.demo  # installs digits[server]; also works without make

test: $(VENV)/.dev xvfb browser ## run the tests of server, clients and training
	@$(BIN)/python -m pytest $(PARALLEL)

unit: $(VENV)/.dev ## run the unit tests, without whole training runs, in under a minute
	@$(BIN)/python -m pytest $(PARALLEL) -m "not training_run" tests/unit

test-deploy: $(VENV)/.dev $(TRITON_VENV)/.installed $(RAY_VENV)/.installed services ## run the tests that need Ray, Prometheus, HAProxy, Envoy, namespaces or Triton's client
	@$(BIN)/python -m pytest tests/deploy

check: $(VENV)/.dev ## check format, lint, types and protos; change nothing
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/python -m scripts.gen_protos --lint
	$(BIN)/hadolint server/Dockerfile

format: $(VENV)/.dev ## format the code and apply automatic fixes
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

proto: $(VENV)/.dev ## generate the committed modules from the protos
	$(BIN)/python -m scripts.gen_protos

lock: $(LOCK_VENV)/.installed ## renew the locked versions of all dependencies, in locks/
	$(LOCK_VENV)/bin/python -m scripts.lock --upgrade

wheels: $(LOCK_VENV)/.installed ## show on which systems and Pythons each extra has wheels; takes a while
	@$(LOCK_VENV)/bin/python -m scripts.wheels

newcomer: $(VENV)/bin/python ## follow README's commands literally in a fresh clone, with the package index
	@$(BIN)/python -m scripts.newcomer

lock-check: $(LOCK_VENV)/.installed ## check that locks/ matches pyproject.toml, with the package index
	$(LOCK_VENV)/bin/python -m scripts.lock --check

measure-recognition: $(VENV)/.dev ## measure accuracy on every available set of images, through the server
	$(BIN)/python -m benchmarks.end_to_end.recognition

measure-window: $(VENV)/.dev xvfb ## replay recorded strokes in the window: accuracy and latency
	@$(BIN)/python -m benchmarks.end_to_end.window

measure-page: $(VENV)/.dev browser ## replay recorded strokes in the page: accuracy and latency
	@$(BIN)/python -m benchmarks.end_to_end.page

benchmarks: $(VENV)/.dev ## measure the figures of docs/performance.md and update it; about 20 minutes on a quiet machine
	@$(call debian,h2load,nghttp2-client,the benchmarks)
	@$(BIN)/python -m benchmarks

container-test: $(VENV)/.dev ## build the images, and use server, batch client and web page in containers
	@$(BIN)/python -m scripts.container_test

xvfb:
	@$(call debian,Xvfb,xvfb,the tests of the window)

browser:
	@$(call debian,chromedriver,chromium chromium-driver,the tests of the page)

# Under systemd, Debian would start these as services: there they are only named, not installed.
services:
	@$(call debian,prometheus,$(if $(wildcard /run/systemd/system),,prometheus),the tests of the alerts)
	@$(call debian,haproxy,$(if $(wildcard /run/systemd/system),,haproxy),the tests behind HAProxy)
	@$(call debian,ip,iproute2,the tests with several hosts)

# $(call debian,command,package to install if possible,what needs it)
define debian
command -v $(1) >/dev/null || if [ -n "$(2)" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	echo "Installing $(2), for $(3) ..."; \
	{ apt-get update -qq && apt-get install -y -qq --no-install-recommends $(2); } >/dev/null 2>&1 || true; fi; \
	command -v $(1) >/dev/null || echo "$(1) is not installed: $(3) are skipped; on Debian: apt-get install $(if $(2),$(2),$(1))"
endef

clean: ## remove everything that was built here, except trained models
	rm -rf $(VENV) $(TRITON_VENV) $(RAY_VENV) $(LOCK_VENV) build dist .mypy_cache .pytest_cache .ruff_cache

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 to 3.14 is required; name one: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }

# $(call locked,environment,names of locks): install exactly what they pin, verified by its hashes
locked = $(1)/bin/python $(PIP_INSTALL) --require-hashes $(2:%=--requirement locks/%.txt)
# $(call editable,environment): install this checkout; locks/build.txt has its build's packages
editable = $(1)/bin/python $(PIP_INSTALL) --no-deps --no-build-isolation --editable .

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml locks/build.txt locks/train.txt locks/dev.txt
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info >= (3, 14))' || \
	{ echo "TensorFlow has no wheel for Python 3.14: make clean, then make PYTHON=python3.13 ..." >&2; exit 1; }
	@echo "Installing digits[train,dev] into $(VENV); TensorFlow takes a minute or two ..."
	@$(call locked,$(VENV),build train dev)
	@$(call editable,$(VENV))
	@touch $@

$(LOCK_VENV)/.installed: locks/lock.txt | $(VENV)/bin/python
	@$(BIN)/python -m venv $(LOCK_VENV)
	@$(call locked,$(LOCK_VENV),lock)
	@touch $@

$(TRITON_VENV)/.installed: locks/triton.txt | $(VENV)/bin/python
	@echo "Installing tritonclient into $(TRITON_VENV) ..."
	@{ $(BIN)/python -m venv $(TRITON_VENV) && $(call locked,$(TRITON_VENV),triton) && touch $@; } || \
	{ rm -rf $(TRITON_VENV); echo "tritonclient cannot be installed: its tests are skipped" >&2; }

$(RAY_VENV)/.installed: locks/build.txt locks/ray.txt | $(VENV)/bin/python
	@echo "Installing digits[ray] into $(RAY_VENV), 0.9 GB ..."
	@{ $(BIN)/python -m venv $(RAY_VENV) && $(call locked,$(RAY_VENV),build ray) && \
	$(call editable,$(RAY_VENV)) && touch $@; } || \
	{ rm -rf $(RAY_VENV); echo "Ray cannot be installed: its tests are skipped" >&2; }
