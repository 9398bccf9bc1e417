# Two commands do everything: `make demo` and `make test`.
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
.PHONY: help demo test chaos check bench bench-web shots docs clean

help: ## Say what there is to do
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-10s %s\n", $$1, $$2 }'

demo: $(VENV)/.installed ## Set up, and show shiphorn at work on a fleet of hosts on this machine
	@$(BIN)/horn demo $(ARGS)

test: $(VENV)/.installed-dev ## Run all tests, against real programs (installs Debian packages if it may)
	@scripts/install_debian_packages.sh
	@$(BIN)/pytest -n 3 --dist loadfile $(ARGS)

chaos: $(VENV)/.installed-dev ## Kill the deployer at every point there is, and see that deploys end the same
	@scripts/install_debian_packages.sh
	@HORN_CHAOS=all $(BIN)/pytest -n 2 --dist load tests/chaos tests/faults $(ARGS)

check: $(VENV)/.installed-dev ## Lint, types, layers, host scripts, generated references
	@scripts/install_debian_packages.sh
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache >/dev/null || $(BIN)/lint-imports
	@$(BIN)/python scripts/shellcheck_hosts.py
	@$(BIN)/python scripts/references.py --check

bench: $(VENV)/.installed-dev ## Measure against Capistrano and plain ssh, side by side
	@$(BIN)/python benchmarks/run.py $(ARGS)

bench-web: $(VENV)/.installed-dev ## Measure the service: pages, and 200 people who watch a deploy to 9,000 hosts
	@$(BIN)/python benchmarks/web.py $(ARGS)

shots: $(VENV)/.installed-dev ## Take pictures of all pages: light, dark, and as wide as a phone
	@scripts/install_debian_packages.sh
	@$(BIN)/python scripts/shots.py $(ARGS)

docs: $(VENV)/.installed-dev ## Write the generated references anew
	@$(BIN)/python scripts/references.py

clean: ## Remove what was made here
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(VENV)/.installed: pyproject.toml
	@echo "Setting up $(VENV)"
	@scripts/make_venv.sh $(VENV)
	@touch $@

$(VENV)/.installed-dev: pyproject.toml
	@echo "Setting up $(VENV) for development"
	@scripts/make_venv.sh $(VENV) dev
	@touch $@ $(VENV)/.installed
