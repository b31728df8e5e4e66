# SecBeat. `make run` starts a node in a lab, `make test` passes every test; both install what is missing.

PYTHON := .venv/bin/python
FASTPATH := dataplane/fastpath
NATIVE := $(MAKE) --no-print-directory -s -C $(FASTPATH)
GENERATED := dataplane/native/abi.py $(FASTPATH)/abi_layout.c
# The lab and the end-to-end tests make network namespaces: root, or a user with sudo.
AS_ROOT := $(shell [ "$$(id -u)" -eq 0 ] || \
	echo sudo --preserve-env=MANAGEMENT_API_KEY,ORCHESTRATOR_API_KEY,SYN_COOKIE_SECRET env PYTHONDONTWRITEBYTECODE=1)
TIERS := unit native api e2e

.DEFAULT_GOAL := help
.PHONY: help setup setup-bench setup-image setup-fleet build abi reasons run test $(TIERS:%=test-%) test-sanitize lint format bench image image-test image-test-nics image-test-scale image-test-upgrade wheels fleet-test clean

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24
	@printf '  make test-TIER\tone tier alone: %s\n' "$(TIERS)" | expand -t 24

setup: ## install what is missing: Debian packages, .venv, libsecbeat, system users
	@sh appliance/setup/setup.sh

build: ## compile libsecbeat
	@sh appliance/setup/native.sh

abi: ## regenerate dataplane/native/abi.py from abi.h
	@$(NATIVE) abi

reasons: ## regenerate docs/reasons.md from reasons.def
	@$(PYTHON) -m dataplane.reasons.page >docs/reasons.md

run: setup ## a node in the lab, until Ctrl-C (LAB_ARGS="--mode tcp --detach")
	@$(AS_ROOT) $(PYTHON) -m appliance.cli.main lab up $(LAB_ARGS)

test: setup ## every test (PYTEST_ARGS="-k ban -x")
	@$(PYTHON) tests/run.py $(TIERS) -- $(PYTEST_ARGS)

$(TIERS:%=test-%): test-%: setup
	@$(PYTHON) tests/run.py $* -- $(PYTEST_ARGS)

test-sanitize: setup ## the native tests against the sanitizer build (ASan, UBSan)
	@$(NATIVE) sanitize
	@$(PYTHON) tests/run.py sanitize -- $(PYTEST_ARGS)

lint: setup ## ruff, mypy, yamllint, ansible-lint, C format, C warnings with gcc and clang, generated files
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	.venv/bin/yamllint --strict -c playbooks/.yamllint playbooks inventory
	PATH=$(CURDIR)/.venv/bin:$$PATH ANSIBLE_HOME=$(CURDIR)/build/ansible ansible-lint -q -c playbooks/.ansible-lint playbooks
	$(NATIVE) format-check
	$(NATIVE) CC=gcc BUILD=$(CURDIR)/build/lint-gcc
	$(NATIVE) CC=clang BUILD=$(CURDIR)/build/lint-clang
	mkdir -p build/committed && cp $(GENERATED) build/committed
	$(NATIVE) abi
	for file in $(GENERATED); do diff -u build/committed/$${file##*/} $$file || exit 1; done

format: ## let ruff and clang-format rewrite the sources
	$(PYTHON) -m ruff format .
	$(NATIVE) format

bench: setup ## cycles per packet beside testpmd, ban latency, memory
	@$(AS_ROOT) $(PYTHON) -m bench $(BENCH_ARGS)

setup-bench: setup
	@sh appliance/setup/packages.sh packages-bench.txt

setup-image: setup
	@sh appliance/setup/packages.sh packages-image.txt

setup-fleet: setup-image
	@sh appliance/setup/packages.sh packages-fleet.txt

image: setup-image ## the appliance image in build/image (IMAGE_ARGS="--no-metal --refresh"; docs/image.md)
	@$(AS_ROOT) $(PYTHON) -m appliance.image build $(IMAGE_ARGS)

image-test: setup-image ## boot the image that is in build/image and verify it (PYTEST_ARGS="-k uefi")
	@$(PYTHON) tests/run.py image -- $(PYTEST_ARGS)

image-test-nics: setup-image ## boot it once with each other NIC: e1000, e1000e, vmxnet3, two queues
	@$(PYTHON) tests/run.py image-nics -- $(PYTEST_ARGS)

image-test-scale: setup-image ## an orchestrator makes two nodes of it as virtual machines, and removes them
	@$(PYTHON) tests/run.py image-scale -- $(PYTEST_ARGS)

image-test-upgrade: setup-image ## upgrade a machine of an older image in place (OLDER_IMAGE=FILE)
	@SECBEAT_OLDER_IMAGE="$(abspath $(OLDER_IMAGE))" $(PYTHON) tests/run.py image-upgrade -- $(PYTEST_ARGS)

wheels: setup-image ## the release as wheels in build/wheelhouse, for hosts that are no image (docs/operations.md)
	@$(AS_ROOT) $(PYTHON) -m appliance.image wheels $(WHEELS_ARGS)

fleet-test: setup-fleet ## roll out to Debian 13 hosts in containers and verify them (PYTEST_ARGS="-k rollout")
	@$(AS_ROOT) $(PYTHON) -m appliance.image wheels --untested $(WHEELS_ARGS)
	@$(PYTHON) tests/run.py fleet -- $(PYTEST_ARGS)

clean: ## remove what was built; .venv stays
	rm -rf build .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
