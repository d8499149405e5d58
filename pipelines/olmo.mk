# olmo.mk: the recipes of OLMo-1B and OLMo-7B.  PLAN=1 prints a table, PLAN=tsv the same as TSV.
#
#	make olmo-1b|olmo-7b PLAN=1 [GPUS=N] [OUT=DIR]     OUT: into DIR/plan.txt or plan.tsv as well
R    := pipelines/olmo
GPUS ?= 8
OLMO_OUT := $(if $(filter command environment,$(word 1,$(origin OUT))),$(OUT))
PLAN_IN = $R/speeds.tsv $R/sources.tsv $R/stages.tsv $R/$*.yaml
format  = $(if $(filter tsv,$(PLAN)),tsv,text)
plan    = LC_ALL=C awk -v model=$* -v gpus=$(GPUS) -v format=$(format) -f $R/plan.awk $(PLAN_IN)

.PHONY: olmo-1b olmo-7b
olmo-1b olmo-7b: olmo-%:
ifeq ($(filter 1 tsv,$(PLAN)),)
	@echo "$@: only the plan can be made: say PLAN=1 or PLAN=tsv" >&2; \
	echo "$@: a run needs shards of Dolma and train on GPUs, and train has the CPU only" >&2; exit 1
else ifeq ($(OLMO_OUT),)
	@$(plan)
else
	@mkdir -p '$(OLMO_OUT)' && $(plan) >'$(OLMO_OUT)/plan.tmp' && \
	mv '$(OLMO_OUT)/plan.tmp' '$(OLMO_OUT)/plan.$(if $(filter tsv,$(PLAN)),tsv,txt)' && \
	cat '$(OLMO_OUT)'/plan.$(if $(filter tsv,$(PLAN)),tsv,txt)
endif
