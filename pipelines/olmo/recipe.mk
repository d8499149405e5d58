# recipe.mk: OLMo's recipe as settings of demo.mk.  pipelines/olmo.mk includes none of it: it calls
# demo.mk with MODEL=olmo-1b|olmo-7b, SCALE and TEXT=tiny|small (the demo whose raw text stands in), or
# DATA=DIR (raw Dolma documents).
R        := $(ROOT)/pipelines/olmo
NAME     := $(MODEL)
SOURCES  := $(shell awk -F'\t' '/^[a-z]/ && n++ { print $$1 }' $R/sources.tsv)
MIX_CONF := $R/mix.yaml
.DEFAULT_GOAL := demo

# --- rules (the thresholds stand in mix.yaml) ----------------------------------------------------
QUALITY_common-crawl ?= gopher,c4,pii
QUALITY_stack     ?= code_redpajama_taggers_v1,code_copyright_comments_v1
QUALITY_reddit    ?= pii,char_length_v1
QUALITY_pes2o     ?= char_length_v1
QUALITY_gutenberg ?= uniseg_length_v1
QUALITY_wikipedia ?= uniseg_length_v1
DEDUP_KINDS       := url doc para
DEDUP_SOURCES_url := common-crawl
DEDUP_SOURCES_para := common-crawl reddit
DEDUP_PARA        ?= --by paragraph --skip-empty

# --- where the text comes from -------------------------------------------------------------------
ifneq ($(DATA),)
RAW_SAYS := $(DATA)
RAW       = sh $R/raw-data.sh $(abspath $(DATA)) $(OUT) $(SOURCES)
number    = $(shell ls $(DATA)/documents/$1/*.gz 2>/dev/null | awk '{ printf "%04d ", NR - 1 }')
$(foreach s,$(SOURCES),$(eval SHARDS_$s := $(call number,$s)))
# About a million tokens of each source are held out; more of the little that a scaled run has.
ifneq ($(SCALE),)
HELDOUT  ?= 0.06
else
held_of   = $(shell awk -F'\t' '$$1 == "$1" { printf "%.3g", 1e6 / ($$6 * 1e9) }' $R/sources.tsv)
$(foreach s,$(SOURCES),$(eval HELDOUT_$s ?= $(or $(HELDOUT),$(call held_of,$s))))
endif
read      = dolma-mix -q -c conf/split.$1.yaml --stream all --seal raw/$1/$2.jsonl.gz
else
RAW_SAYS := text of the $(TEXT) demo in place of each source
RAW       = sh $R/raw-standin.sh $(TEXT) $(ROOT) $(OUT) $(DEBS)
DEBS     ?= $(ROOT)/debs
HELDOUT  := 0.06
ifeq ($(TEXT),tiny)
FROM_stack := source
$(foreach s,reddit pes2o gutenberg wikipedia,$(eval HELDOUT_$s := 0.2))
else
FROM_common-crawl := man
FROM_stack     := source
FROM_reddit    := text --separator %
FROM_pes2o     := html
FROM_gutenberg := html
FROM_wikipedia := html
LID_TRAIN     ?= -dim 16 -minn 2 -maxn 4 -bucket 50000 -minCount 5 -lr 0.5 -epoch 2
endif
endif

# Other text in the same place: from the beginning.
$(shell mkdir -p $(OUT)/.opts; f=$(OUT)/.opts/raw; [ "$$(cat $$f 2>/dev/null)" = '$(TEXT) $(DATA)' ] || \
	printf '%s' '$(TEXT) $(DATA)' >$$f)
$(OUT)/raw/lid.txt: $(OUT)/.opts/raw

# --- the model -----------------------------------------------------------------------------------
EVAL       ?= compress.tsv catwalk-init/metrics.json catwalk/metrics.json samples.jsonl
ifeq ($(SCALE),)
TRAIN_CONF := $R/$(MODEL).yaml
else
TRAIN_CONF := $(OUT)/conf/$(MODEL).yaml
$(shell mkdir -p $(OUT)/conf && sh $R/scale.sh $R/$(MODEL).yaml $(SCALE) >$(TRAIN_CONF).tmp && \
	{ cmp -s $(TRAIN_CONF).tmp $(TRAIN_CONF) && rm $(TRAIN_CONF).tmp || mv $(TRAIN_CONF).tmp $(TRAIN_CONF); })
WEIGHTS    := $(shell awk -F'\t' '/^[a-z]/ && n++ { print $$6 ":" $$1 }' $R/sources.tsv)
endif
conf_of     = $(shell sed -n 's/^[^a-z]*$1: *//p' $(TRAIN_CONF))
VOCAB      ?= $(call conf_of,vocabulary)
SEQ_LEN    ?= $(call conf_of,max_sequence_length)
STEPS      ?= $(subst _,,$(call conf_of,max_duration))
MIX_TOKENS ?= $(shell echo $$((($(STEPS) * $(call conf_of,global_train_batch_size) + 1) * $(SEQ_LEN))))
TRAIN_OPTS ?= --max_duration=$(STEPS)

# --- evaluation in the loop: the held-out documents of each source as tokens ---------------------
TRAIN_NEEDS := $(SOURCES:%=$(OUT)/eval/tokens/%.tok.manifest.json)
define eval_tokens
$(OUT)/eval/tokens/$1.tok.manifest.json: $(OUT)/tokenizer.json$(if $(TOKENIZER),,.manifest.json) \
    $(foreach n,$(or $(SHARDS_$1),$(SHARDS)),$(OUT)/eval/data/$1/val/$n.jsonl.gz.manifest.json)
	@cd $(OUT) && mkdir -p eval/tokens && tokenize -t tokenizer.json -j $J \
		--stats stats/tokenize.eval-$1.json -o eval/tokens/$1.tok eval/data/$1/val/*.jsonl.gz
endef
$(foreach s,$(SOURCES),$(eval $(call eval_tokens,$s)))

# --- Paloma and the eight core tasks, where their data is ----------------------------------------
ifneq ($(PALOMA),)
EVAL += paloma-public/manifest.json
$(OUT)/eval/paloma-public/manifest.json: $(OUT)/run/manifest.json
	@echo "paloma     $(PALOMA)"
	@cd $(OUT) && paloma -m run/latest --split test -j $J -f -o eval/paloma-public $(abspath $(PALOMA)) >/dev/null
endif
ifneq ($(TASKS),)
EVAL += core8/metrics.json
$(OUT)/eval/core8/metrics.json: $(OUT)/run/manifest.json
	@echo "catwalk    core8"
	@cd $(OUT) && catwalk -m run/latest -t core8 --data $(abspath $(TASKS)) --limit 1000 -j $J -f -o eval/core8
endif
