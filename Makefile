# The commands of the README, nothing hidden. PORT= and DESK_* from the environment override the settings.
#   make demo    a demo desk on http://127.0.0.1:$(PORT), pages, jobs and mail in one process
#   make run     the same process on the configured database, without the demo world
#   make test    every test that this machine can run; it says what it could not, and why
#   make lint    ruff, mypy, import-linter
#   make bench   the benchmarks, as a table with ratios
#   make mutate  changes the arithmetic of working time and clocks, and says which changes no test minds

PYTHON ?= python3
VENV   ?= .venv
PORT   ?= 8000
PYTEST ?=
FLASK  := $(VENV)/bin/flask --app wsgi

.PHONY: demo run test lint bench mutate migrate
.DELETE_ON_ERROR:

# DESK_* from the environment wins over these.
demo run: export DESK_HTTP_LISTEN ?= 127.0.0.1:$(PORT)
demo: export DESK_DEMO ?= yes

demo: migrate
	$(FLASK) demo load
	$(FLASK) serve

run: migrate
	$(FLASK) serve

migrate: $(VENV)/.installed
	$(FLASK) db upgrade

test: $(VENV)/.installed-dev
	$(VENV)/bin/python -m pytest -n 2 $(PYTEST)

lint: $(VENV)/.installed-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

bench: $(VENV)/.installed-dev
	$(VENV)/bin/python -m benchmarks.main_job
	$(VENV)/bin/python -m benchmarks.clocks
	$(VENV)/bin/python -m benchmarks.mail

# What is left alive, and why, is in tests/domain/mutants.md.
mutate: $(VENV)/.installed-dev
	$(VENV)/bin/mutmut run
	$(VENV)/bin/mutmut results

# The stamps make a second run fast; changing a requirements file installs again.
$(VENV)/.installed: requirements.txt | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements.txt requirements-dev.txt | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/.installed

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "The desk needs Python 3.11 to 3.13; $(PYTHON) is `$(PYTHON) --version 2>&1`. Name another: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "This Python cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
