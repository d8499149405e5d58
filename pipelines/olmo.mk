# olmo.mk: the paper's recipes.
#
#	make olmo-1b|olmo-7b PLAN=1|tsv		what it would take: nothing is run  [GPU=a100|h100 GPUS=N]
#	make olmo-1b|olmo-7b SCALE=1e-6		the recipe, shrunk, on the text of a demo  [DEMO=tiny|small]
#	make olmo-1b|olmo-7b DATA=DIR		the recipe  [LANGID_MODEL=F TOKENIZER=F PALOMA=DIR TASKS=DIR]
#
# The stages are those of demo.mk; recipe.mk, mix.yaml and the models' configurations say how.

OLMO    := pipelines/olmo
MODEL   ?= olmo-1b
PLAN    ?=
SCALE   ?=
DATA    ?=
TEXT    ?= tiny
OUT     ?= $(MODEL)
# OUT was given: the plan is kept there.
KEEP    ?=
BIN     ?= bin
SOURCES := $(shell awk -F'\t' '/^[a-z]/ && n++ { print $$1 }' $(OLMO)/sources.tsv)
recipe   = $(MAKE) --no-print-directory -f pipelines/demo.mk DEMO=../olmo/recipe MODEL=$(MODEL) \
	TEXT=$(TEXT) SCALE=$(SCALE) DATA=$(DATA) OUT=$(OUT) NAME=$(MODEL)
lacking  = $(strip $(if $(LANGID_MODEL),,LANGID_MODEL=lid.176.bin) \
	$(if $(SCALE)$(TOKENIZER),,TOKENIZER=gpt-neox-olmo-dolma-v1_5.json) \
	$(foreach s,$(SOURCES),$(if $(wildcard $(DATA)/documents/$s/*.gz),,$(DATA)/documents/$s/*.gz)))

.PHONY: run
ifneq ($(PLAN),)
plan    := $(OUT)/plan.$(if $(filter tsv,$(PLAN)),tsv,txt)
run:
	@export PATH=$(abspath $(BIN)):$$PATH && if [ -n '$(KEEP)' ]; then \
		mkdir -p $(OUT) && sh $(OLMO)/plan.sh $(OLMO) $(MODEL) $(PLAN) >$(plan).tmp && \
		mv $(plan).tmp $(plan) && cat $(plan); \
	else \
		sh $(OLMO)/plan.sh $(OLMO) $(MODEL) $(PLAN); \
	fi
else ifneq ($(DATA),)
run:
	$(if $(lacking),@echo "$(MODEL): DATA=$(DATA) needs $(lacking) too" >&2; exit 2,@$(recipe))
else ifneq ($(SCALE),)
run:
	@sh $(OLMO)/scale.sh $(OLMO)/$(MODEL).yaml $(SCALE) >/dev/null
	@$(recipe)
else
run:
	@echo "$(MODEL): needs DATA=DIR with raw Dolma documents (DIR/documents/SOURCE/*.gz of $(SOURCES))," \
		"LANGID_MODEL=lid.176.bin and TOKENIZER=gpt-neox-olmo-dolma-v1_5.json;" \
		"or PLAN=1 to see what it takes, or SCALE=1e-6 to run it shrunk on demo text" >&2; exit 2
endif
