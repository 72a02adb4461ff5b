# Two commands do all the set-up on a machine with Python 3.11 and make: `make demo` and `make test`.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Each test process starts servers and kernels of its own, on ports the system gives, in directories of its own.
WORKERS ?= 2

.PHONY: help demo test lint bench soak screenshots deps clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    a Jupyter server, a figure that a kernel draws, and its link (ARGS=--exit: stop after checking)"
	@echo "make test    all tests (ARGS=... goes to pytest); names what it skips and why"
	@echo "make lint    ruff and mypy"
	@echo "make bench   the numbers of the README, measured here"
	@echo "make soak    the tests that take too long for every run"
	@echo "make screenshots    the README's pictures, from the real pages"
	@echo "make deps    programs that some tests need, by apt-get: Chromium, nginx, wrk, curl"

$(BIN)/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) \
		|| { rm -rf $(VENV); echo "On Debian, 'apt-get install python3-venv' brings venv." >&2; exit 1; }

# An installation is good until pyproject.toml changes.
$(VENV)/.installed-%: pyproject.toml | $(BIN)/python
	@echo "Installing jupyter_figserve and what its $* needs into $(VENV) ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable ".[$*]"
	@touch $@

demo: $(VENV)/.installed-demo
	@$(BIN)/jupyter-figserve demo $(ARGS)

test: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

lint: $(VENV)/.installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.benchmarks $(ARGS)

soak: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest -m soak $(ARGS)

screenshots: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.screenshots

deps:
	@as_root=$$(test "$$(id -u)" = 0 || echo sudo); \
	$$as_root apt-get update -qq \
	&& $$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		chromium fonts-dejavu-core nginx-light wrk curl >/dev/null

clean:
	rm -rf $(VENV) .venvs build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
