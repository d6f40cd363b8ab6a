# POSIX sh and GNU make. `make help` says what there is.

PYTHON ?= python3
TESTS ?= tests
PYTEST_ARGS ?=
BENCH_ARGS ?=
ROWS ?=
BASE ?=
SERVER ?=
MESSAGE ?=
LOCK_ARGS ?=

BIN := .venv/bin
# PYTEST_ARGS stands behind it, so that -n0 (one process, as a debugger needs it) has the last word.
ON_ALL_CORES := --numprocesses=auto --dist=worksteal
TYPED := shared/flask_handoff shared/flask_service server1 server2 lab benchmarks docs examples vectors tests demo.py draft_migration.py

# The tests start many Python processes: each would compile all of the project anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test versions check lint format bench figures pictures measured docs migration lock clean \
	.venv-ready .venv-for-servers .docs-ready

help:
	@echo 'make demo     start both servers and the lab, and print where to go; Ctrl-C ends them'
	@echo 'make test     run all tests, on all cores  (TESTS=tests/library PYTEST_ARGS=-n0)'
	@echo 'make check    lint, and the tests that need no process, browser or PostgreSQL'
	@echo 'make versions run the tests of the library on the lowest versions, and on other Pythons'
	@echo 'make lint     check style, types and who imports whom'
	@echo 'make format   put the code into the form that lint asks for'
	@echo 'make bench    run the benchmarks           (ROWS=2,7 BASE=commit BENCH_ARGS=--quick)'
	@echo 'make figures  run all, and write docs/performance.* from it  (BASE=commit)'
	@echo 'make pictures take the pictures in docs/pictures anew, from a demo of its own'
	@echo 'make docs     build the documents into build/site, with a reference of the public names'
	@echo "make migration  draft a new version of a server's database  (SERVER=server1 MESSAGE='...')"
	@echo 'make lock     renew requirements/*.txt     (LOCK_ARGS=--upgrade)'
	@echo 'make clean    remove .venv, caches, and instance/ with the keys and databases of the demo'
	@echo
	@echo 'All but clean make .venv first, with PYTHON=$(PYTHON) (3.11 or newer): demo what the servers'
	@echo 'need, and the others, on top of it, what tests and tools need.'

.venv-ready:
	@requirements/venv.sh '$(PYTHON)' dev

# No tool and no test needs this little; where .venv has more already, it stays.
.venv-for-servers:
	@requirements/venv.sh '$(PYTHON)' servers

demo: .venv-for-servers
	@exec $(BIN)/python demo.py

test: .venv-ready
	@$(BIN)/python -m pytest $(ON_ALL_CORES) $(PYTEST_ARGS) $(TESTS)

versions: .venv-ready
	@requirements/versions.sh lowest
	@requirements/versions.sh pythons

# What needs nothing but the process of the tests. Without its address PostgreSQL is skipped.
check: lint
	@env -u TEST_POSTGRESQL_URL -u REQUIRE_POSTGRESQL \
		$(BIN)/python -m pytest $(ON_ALL_CORES) -m 'not processes' $(PYTEST_ARGS) $(TESTS)

lint: .venv-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(TYPED)
	$(BIN)/lint-imports --no-cache

format: .venv-ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv-ready
	@$(BIN)/python -m benchmarks --rows '$(ROWS)' --base '$(BASE)' $(BENCH_ARGS)

# A bound that is missed shows in the figures; what else fails leaves them as they were.
figures: .venv-ready
	@rm -f build/benchmarks.json
	@$(MAKE) --no-print-directory bench ROWS= || [ -f build/benchmarks.json ]
	@$(BIN)/python -m benchmarks chart build/benchmarks.json

pictures: .venv-ready
	@$(BIN)/python -m tests.pictures

measured: .venv-ready
	@$(BIN)/python -m tests.measured

.docs-ready: .venv-ready
	@requirements/docs.sh

# A dead link, or a type in a signature that leads nowhere, is a warning, and fails it.
docs: .docs-ready
	@PYTHONPATH=build/docs-packages $(BIN)/python -m sphinx --nitpicky --fail-on-warning --fresh-env --quiet \
		--conf-dir docs --doctree-dir build/doctrees . build/site
	@echo 'The site is in build/site; begin at build/site/index.html'

migration: .venv-ready
	@$(BIN)/python draft_migration.py '$(SERVER)' '$(MESSAGE)'

# Without LOCK_ARGS what is pinned stays pinned, as long as pyproject.toml allows it.
COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' $(LOCK_ARGS)

lock: .venv-ready
	$(COMPILE) pyproject.toml --extra dev --output-file requirements/dev.txt
	$(COMPILE) pyproject.toml --extra postgresql --extra servers \
		--constraint requirements/dev.txt --output-file requirements/servers.txt
	$(COMPILE) requirements/build.in \
		--constraint requirements/dev.txt --output-file requirements/build.txt
	$(COMPILE) requirements/test-tools.in \
		--constraint requirements/dev.txt --output-file requirements/test-tools.txt
	$(COMPILE) requirements/docs.in \
		--constraint requirements/dev.txt --output-file requirements/docs.txt
	$(COMPILE) pyproject.toml --extra postgresql \
		--resolution lowest-direct --output-file requirements/lowest.txt
	$(COMPILE) benchmarks/authlib_pair/requirements.in \
		--constraint requirements/dev.txt --output-file benchmarks/authlib_pair/requirements.txt
	@for wanted in tests/strangers/*/requirements.in tests/examples/requirements.in vectors/libraries/requirements.in; do \
		$(COMPILE) "$$wanted" --output-file "$${wanted%.in}.txt" || exit 1; \
	done

CLEAN := .venv instance dist build htmlcov .coverage .hypothesis \
	.mypy_cache .pytest_cache .ruff_cache

clean:
	@for path in $(CLEAN); do \
		if [ -e "$$path" ]; then echo "removing $$path"; rm -rf "$$path"; fi; \
	done
	@find . -name .git -prune -o -type d -name __pycache__ -print | while read -r path; do \
		echo "removing $$path"; rm -rf "$$path"; \
	done
