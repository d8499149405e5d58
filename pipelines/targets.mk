# What a user asks make for, besides building.  Included by the Makefile.

BATS      := $(sort $(wildcard test/cmd/*.bats test/cmd/*.t test/tree/*.bats test/format/*.bats))
BATS_CONF := $(sort $(wildcard test/conformance/*.bats))
BATS_LONG := $(sort $(wildcard test/long/*.bats))
PROVE     := CMOCKA_MESSAGE_OUTPUT=TAP OLMO_BIN=$(abspath $O/bin) OLMO_TEST=$(abspath $O/test) \
	     LC_ALL=C prove --norc -j2 -e test/lib/run-tap

.PHONY: help deps check check-unit check-long conformance bench lint format clean demo ablate audit \
	olmo-1b olmo-7b
help:
	@sed -n 's/^## //p' pipelines/targets.mk pipelines/install.mk

## make               build all programs into bin/
## make deps          install the Debian packages named in packages.txt (build, check, lint)
deps:
	@sh pipelines/deps.sh build check lint

## make demo          raw text -> trained, evaluated model on the CPU  [OUT=DIR] [DEMO=tiny|small|full]
## make ablate        a run again with a stage swapped, and both compared; alone: what can be swapped
##                    RECIPE=name | STAGE=stage WITH='command'  [BASE=DIR] [OUT=DIR]
## make audit         walk the demo's manifests from the model to the raw files  [OUT=DIR]
DEMO ?= small
OUT  ?= demo-$(DEMO)
demo:
	@sh pipelines/deps.sh build
	@$(MAKE) --no-print-directory -j2 all
	@$(MAKE) --no-print-directory -f pipelines/demo.mk DEMO=$(DEMO) OUT=$(OUT)
# WITH is handed on as it was typed, dollars and quotes and all.
BASE  ?= demo-$(DEMO)
quoted = '$(subst ','\'',$1)'
ablate: $(if $(STAGE)$(RECIPE),all)
	@STAGE='$(STAGE)' WITH=$(call quoted,$(value WITH)) RECIPE='$(RECIPE)' BASE='$(BASE)' BIN='$(BIN)' \
		OUT='$(if $(filter file,$(origin OUT)),ablate-$(or $(RECIPE),$(STAGE)),$(OUT))' \
		sh pipelines/ablate.sh
audit: all
	@$(BIN)/olmo audit $(OUT)

## make olmo-1b       the paper's recipe, olmo-7b the other: PLAN=1 prints what it takes, SCALE=1e-6
##                    runs it shrunk on a demo's text, DATA=DIR at full size  [OUT=DIR] [DEMO=tiny|small]
# DEMO and OUT have other defaults here than for the demo.
olmo-1b olmo-7b: all
	@$(MAKE) --no-print-directory -f pipelines/olmo.mk MODEL=$@ OUT=$(if $(filter file,$(origin OUT)),$@,$(OUT)) \
		KEEP=$(if $(filter file,$(origin OUT)),,1) TEXT=$(if $(filter file,$(origin DEMO)),tiny,$(DEMO))

## make check         all tests that need no network and no other data (< 3 minutes)
check: all $(call ctests_of,$(CTESTS) $(CREF))
	@$(PROVE) $(call ctests_of,$(CTESTS)) $(BATS)

## make check-unit    the unit and kernel tests alone (for SAN=asan|ubsan|tsan)
check-unit: $(call ctests_of,$(CTESTS) $(CREF))
	@$(PROVE) $(call ctests_of,$(CTESTS))

## make check-long    fuzzing, sanitizers, kill loops
check-long: all $(call ctests_of,$(CTESTS) $(CLONG) $(CREF))
	@$(PROVE) $(call ctests_of,$(CLONG)) $(BATS_LONG)

## make conformance   outputs of the original tools, when SHARED=DIR holds them; ends with a table
##                    of what differs by how much
conformance: all $(call ctests_of,$(CCONF) $(CREF))
	@if [ ! -d "$(SHARED)/data" ]; then \
		echo "conformance: SKIPPED: $(words $(CCONF) $(BATS_CONF)) test files, no $(SHARED)/data"; \
	else \
		rm -f $O/oracles.tsv; \
		OLMO_TABLE=$(abspath $O/oracles.tsv) OLMO_SHARED=$(abspath $(SHARED)) \
			$(PROVE) $(call ctests_of,$(CCONF)) $(BATS_CONF); rc=$$?; \
		sh test/conformance/table.sh $O/oracles.tsv; \
		OLMO_BIN=$(abspath $O/bin) LC_ALL=C test/conformance/bits; exit $$rc; \
	fi

## make bench         measurements, printed as ratios
bench: all $(call ctests_of,$(CBENCH))
	@for b in $(call ctests_of,$(CBENCH)); do echo "== $$(basename $$b)"; $$b || exit; done

## make lint          warnings as errors, clang-format, mandoc, shellcheck
CFILES := $(sort $(wildcard cmd/*.c common/*/*.[ch] common/*/*.cpp kernels/*.[ch] kernels/*/*.[ch] \
	  test/*/*.[ch]))
lint:
	@$(MAKE) --no-print-directory DEV=1 B=$B/lint BIN=$B/lint/bin all
	@clang-format --dry-run -Werror $(filter-out %_tab.c %_tables.c,$(CFILES))
	@mandoc -Tlint -W warning $(sort $(wildcard man/*.[1-9]))
	@shellcheck -x -s sh $(sort $(wildcard pipelines/*.sh pipelines/*/*.sh)) .ci/run
	@echo lint: clean
format:
	@clang-format -i $(filter-out %_tab.c %_tables.c,$(CFILES))

## make clean         remove build/ and bin/
clean:
	rm -rf $(B) $(BIN)

include pipelines/install.mk
