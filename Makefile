# `make demo` and `make test` do all the set-up on a machine with Python 3.11 and make.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Each test process starts its own servers and kernels, on free ports, in its own directories. One more than the cores
# of CI: a test that waits for a server, a kernel or a browser leaves its core to the others.
WORKERS ?= 3
# Of `make run`.
PORT ?= 8765
INSTALL ?= $(BIN)/python -m pip install -qq --disable-pip-version-check --editable

.PHONY: help demo install run cluster test lint bench soak nightly screenshots reference docs release deps clean
.DEFAULT_GOAL := help

help:
	@echo "make demo         a Jupyter server, a figure that a kernel publishes, and its link (ARGS=--exit: stop after checking)"
	@echo "make install      the package and all tools, into .venv, in place"
	@echo "make run          the render service on this machine, with a key that it prints (ARGS=... are its options)"
	@echo "make cluster      two servers, PostgreSQL, a bucket, two render workers, HAProxy and nginx on this machine"
	@echo "                  (ARGS=--exit: stop after checking)"
	@echo "make test         the tests of every run (ARGS=... goes to pytest); names what it skips and why"
	@echo "make lint         ruff and mypy"
	@echo "make bench        the numbers of the README, measured here"
	@echo "make nightly      the checks of .ci/run, with all kernel tests on each Python and ipykernel, each notebook run"
	@echo "                  twice, and each benchmark run once"
	@echo "make soak         tests that take many minutes: kills of servers, thousands of sandboxes"
	@echo "make screenshots  the README's images, from the real pages"
	@echo "make reference    the last chapter of the notebooks, from docstrings, helps and openapi.yaml"
	@echo "make docs         the notebooks and the API reference as HTML pages, into build/docs"
	@echo "make release VERSION=0.1.0   checks, commits and tags a release; uploads nothing (ARGS=--dry-run: changes nothing)"
	@echo "make deps         programs that some tests need, by apt-get and npm: Chromium, nginx, HAProxy, PostgreSQL, Redis, wrk,"
	@echo "                  curl, JupyterHub's proxy"

$(BIN)/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed. Name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) \
		|| { rm -rf $(VENV); echo "Python's venv is missing. On Debian: apt-get install python3-venv" >&2; exit 1; }

# An installation is valid until pyproject.toml changes.
$(VENV)/.installed-%: pyproject.toml | $(BIN)/python
	@echo "Installing jupyter_figserve with its $* dependencies into $(VENV) ..."
	@$(INSTALL) ".[$*]"
	@touch $@

demo: $(VENV)/.installed-demo
	@$(BIN)/jupyter-figserve demo $(ARGS)

install: $(VENV)/.installed-dev
	@echo "Installed into $(VENV). Next: make run (the render service), make demo (a Jupyter server with figures), make test."

# A key that is set already is used, and not printed.
run: $(VENV)/.installed-demo
	@url=http://127.0.0.1:$(PORT); \
	if [ -z "$$FIGSERVE_API_KEY" ]; then \
		FIGSERVE_API_KEY=$$($(BIN)/python -c "import secrets; print(secrets.token_urlsafe(32))"); export FIGSERVE_API_KEY; \
		echo "The render service, on this machine only. In another terminal:"; echo; \
		echo "  export FIGSERVE_API_KEY=$$FIGSERVE_API_KEY"; \
	else echo "The render service, on this machine only, with the key in FIGSERVE_API_KEY. In another terminal:"; echo; fi; \
	echo "  curl --fail -H \"X-API-Key: \$$FIGSERVE_API_KEY\" -o plot.png $$url/render-matplotlib \\"; \
	echo "       -d '{\"code\": \"import matplotlib.pyplot as plt; plt.plot([1, 3, 2])\"}'"; \
	echo; echo "Its status: $$url/    Stop it with Ctrl-C."; echo; \
	exec $(BIN)/jupyter-figserve serve --render-only --port $(PORT) --ServerApp.port_retries=0 $(ARGS)

# Whole files go to the workers, in the order of collection: the slow ones first (see tests/conftest.py).
test: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(VENV)/.installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.benchmarks $(ARGS)

cluster: $(VENV)/.installed-dev
	@$(BIN)/python deploy/cluster $(ARGS)

soak: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest -m soak $(ARGS)

nightly:
	@.ci/run nightly

screenshots: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.screenshots

reference: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.reference

docs: $(VENV)/.installed-dev
	@$(BIN)/python -m sphinx -W --keep-going -q -b html -c notebooks/site notebooks build/docs
	@echo "Open build/docs/index.html"

release: $(VENV)/.installed-release
	@$(BIN)/python .ci/release.py $(ARGS) "$(VERSION)"

deps:
	@as_root=$$(test "$$(id -u)" = 0 || echo sudo); \
	$$as_root apt-get update -qq \
	&& $$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		chromium chromium-headless-shell fonts-dejavu-core haproxy nginx-light openssl postgresql redis-server wrk curl $$(command -v npm >/dev/null || echo nodejs npm) >/dev/null \
	&& { command -v configurable-http-proxy >/dev/null || $$as_root npm install --silent --global configurable-http-proxy; }

clean:
	rm -rf $(VENV) .venvs build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
