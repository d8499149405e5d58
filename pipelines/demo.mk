# demo.mk: raw text -> documents -> curated mix -> tokens -> trained, evaluated model.
#
#	make demo [OUT=DIR] [DEMO=tiny|small|full] [J=threads of each program] [STAGE_OPTS=…]
#
# DEMO names the file of demo/ that holds the sources, their rules and the size of the model.
#
# Each stage is a target on the manifest that its program writes last, so whatever was killed half-way
# is made again and nothing else.  All programs run inside OUT with relative paths: a run can be
# moved, and two runs have the same bytes.  The options of a stage are kept in OUT/.opts/STAGE: when
# they change, that stage and what follows are made again.

SHELL := bash
.SHELLFLAGS := -o pipefail -ec
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules

# What an ablation took from its base (ablate.mk).
-include $(if $(OUT),$(OUT)/.opts/base.mk)
DEMO ?= small
OUT  ?= demo-$(DEMO)
J    ?= 2
NAME ?= demo
TRAIN_J ?= $J
ROOT := $(CURDIR)
BIN  ?= bin
export PATH := $(abspath $(BIN)):$(PATH)
export LC_ALL := C
D    := $(ROOT)/pipelines/demo
SHARDS := 0000 0001

# --- the options of each stage: change one on the command line and see what reruns --------------
# SOURCES, FROM_source (kind and options of dolma-docs), LICENSE_source, QUALITY_source (taggers),
# HELDOUT_source (share held out), WEIGHTS (weight:source, for a mixture), EVAL, RAW, VOCAB, STEPS, …
ifeq ($(wildcard $D/$(DEMO).mk),)
$(error DEMO=$(DEMO): there are $(sort $(basename $(notdir $(wildcard $D/*.mk)))))
endif
include $D/$(DEMO).mk
LANGID_OPTS   ?= --level doc
DEDUP_DOC     ?= --by document
DEDUP_PARA    ?= --by paragraph --min-words 8
DEDUP_URL     ?= --by url --missing skip
# Which parts are sought twice (url, doc, para), and in which sources (DEDUP_SOURCES_para …).
DEDUP_KINDS   ?= doc para
dedup_opts     = $(DEDUP_$(patsubst doc,DOC,$(patsubst para,PARA,$(patsubst url,URL,$1))))
dedup_sources  = $(or $(DEDUP_SOURCES_$1),$(SOURCES))
DECONTAM_OPTS ?= --method paragraph --min-words 13
SPECIALS      := <|endoftext|> <|padding|> |||EMAIL_ADDRESS||| |||PHONE_NUMBER||| |||IP_ADDRESS|||
SEED          ?= 6198
TRAIN_OPTS    ?= --max_duration=$(STEPS)
PALOMA_OPTS   ?= --split val
LANGID_MODEL  ?=
from           = $(or $(FROM_$1),text)
heldout        = $(or $(HELDOUT_$1),$(HELDOUT))
shards         = $(or $(SHARDS_$1),$(SHARDS))
# A tokenizer.json of another maker, instead of one of this run's text.
TOKENIZER     ?=

-include $(OUT)/.opts/more.mk
OPTS_split    := $(foreach s,$(SOURCES),$(call heldout,$s))
OPTS_langid   := $(LANGID_OPTS)
OPTS_lid      := $(LANGID_MODEL) $(LID_TRAIN)
OPTS_quality  := $(foreach s,$(SOURCES),$(QUALITY_$s))
OPTS_dedup    := $(foreach k,$(DEDUP_KINDS),$(call dedup_opts,$k) /)
OPTS_decontam := $(DECONTAM_OPTS)
OPTS_vocab    := $(or $(TOKENIZER),$(VOCAB))
OPTS_weights  := $(WEIGHTS) $(MIX_TOKENS)
OPTS_order    := $(SEQ_LEN) $(SEED)
OPTS_train    := $(TRAIN_OPTS)
OPTS_paloma   := $(PALOMA_OPTS)
$(shell mkdir -p $(OUT)/.opts)
$(foreach s,split langid lid quality dedup decontam vocab weights order train paloma,$(shell \
	f=$(OUT)/.opts/$s; [ -e $$f ] && [ "$$(cat $$f 2>/dev/null)" = '$(OPTS_$s)' ] || \
	printf '%s' '$(OPTS_$s)' >$$f))
opts = $(OUT)/.opts/$1

say = @printf '%-10s %s\n' '$1' '$2'
# Times and other counters of a program's run, a file each: not part of the result.
stats = --stats stats/$1.json

.PHONY: demo
demo: $(OUT)/report.txt
	@echo "$(NAME): done: $(OUT)/report.html (as text: $(OUT)/report.txt)"

# --- raw text ------------------------------------------------------------------------------------
$(OUT)/raw/lid.txt:
	$(call say,raw,$(RAW_SAYS))
	@mkdir -p $(OUT)/stats && $(RAW)
$(foreach s,$(SOURCES),$(foreach n,$(call shards,$s),$(OUT)/raw/$s.$n.list)): $(OUT)/raw/lid.txt ;

$(OUT)/conf/split.%.yaml: $D/split.yaml $(call opts,split)
	@mkdir -p $(@D)
	@sed 's/@HELDOUT@/$(call heldout,$*)/' $< >$@.tmp && mv $@.tmp $@
MIX_CONF   ?= $D/$(DEMO).mix.yaml
TRAIN_CONF ?= $D/$(DEMO).train.yaml
$(OUT)/conf/mix.yaml: $(MIX_CONF)
$(OUT)/conf/train.yaml: $(TRAIN_CONF)
$(OUT)/conf/mix.yaml $(OUT)/conf/train.yaml:
	@mkdir -p $(@D)
	@cp $< $@.tmp && mv $@.tmp $@

# --- documents; a part of each source, by the hash of the id, is held out for evaluation ---------
# What is held out is judged by the same rules of language and quality as what is trained on.
read ?= dolma-docs --from $(call from,$1) --source $1 --license '$(or $(LICENSE_$1),various)' \
	--base raw/$1 --files-from raw/$1.$2.list --seal
include $(ROOT)/pipelines/ablate.mk
define docs_rule
ifeq ($(SWAPPED),)
$(OUT)/documents/$1/$2.jsonl.zst.manifest.json: $(OUT)/raw/$1.$2.list $(OUT)/conf/split.$1.yaml
	$$(call say,documents,$1/$2)
	@cd $(OUT) && mkdir -p documents/$1 stats && $(call read,$1,$2) -j $J \
		--manifest documents/$1/$2.docs.manifest.json $(call stats,documents.$1-$2) | \
	dolma-mix -c conf/split.$1.yaml --stream train --require-seal -j $J \
		$(call stats,documents.$1-$2-split) -o documents/$1/$2.jsonl.zst
endif
$(OUT)/eval/data/$1/val/$2.jsonl.gz.manifest.json: $(OUT)/raw/$1.$2.list \
    $(OUT)/conf/split.$1.yaml $(OUT)/conf/mix.yaml $(OUT)/models/lid.bin \
    $(call opts,langid) $(call opts,quality)
	@cd $(OUT) && mkdir -p eval/data/$1/val stats && $(call read,$1,$2) -j $J \
		--manifest eval/data/$1/val/$2.docs.manifest.json | \
	dolma-mix -c conf/split.$1.yaml --stream heldout --require-seal --seal -j $J \
		--manifest eval/data/$1/val/$2.split.manifest.json | \
	dolma-langid -m models/lid.bin $(LANGID_OPTS) --prefix langid --require-seal --seal -j $J \
		--manifest eval/data/$1/val/$2.langid.manifest.json | \
	dolma-quality -t $(QUALITY_$1) --prefix quality --require-seal --seal -j $J \
		--manifest eval/data/$1/val/$2.quality.manifest.json | \
	dolma-mix -q -c conf/mix.yaml --stream $1 --require-seal -j $J \
		$(call stats,documents.$1-$2-heldout) -o eval/data/$1/val/$2.jsonl.gz -
DOCS    += documents/$1/$2.jsonl.zst
HELD    += eval/data/$1/val/$2.jsonl.gz
endef
$(foreach s,$(SOURCES),$(foreach n,$(call shards,$s),$(eval $(call docs_rule,$s,$n))))
manifests = $(patsubst %,$(OUT)/%.manifest.json,$1)

# --- attributes ----------------------------------------------------------------------------------
# A language model for this run, from labelled lines; one thread, so the same every time.
LID_TRAIN ?= -dim 16 -minn 2 -maxn 4 -bucket 20000 -minCount 3 -lr 0.5 -epoch 10
$(OUT)/models/lid.bin: $(OUT)/raw/lid.txt $(LANGID_MODEL) $(call opts,lid)
	$(call say,langid,model)
	@mkdir -p $(@D)
ifneq ($(LANGID_MODEL),)
	@cp $(LANGID_MODEL) $@.tmp && mv $@.tmp $@
else
	@cd $(OUT) && fasttext supervised -input raw/lid.txt -output models/.lid $(LID_TRAIN) \
		-loss softmax -thread 1 -verbose 0 \
		>/dev/null 2>&1 && rm -f models/.lid.vec && mv models/.lid.bin models/lid.bin
endif

define attr_rule
$(OUT)/attributes/langid/$1/$2.jsonl.zst.manifest.json: \
    $(OUT)/documents/$1/$2.jsonl.zst.manifest.json $(OUT)/models/lid.bin $(call opts,langid)
	$$(call say,langid,$1/$2)
	@cd $(OUT) && dolma-langid -m models/lid.bin $(LANGID_OPTS) -j $J --attributes langid \
		$(call stats,langid.$1-$2) documents/$1/$2.jsonl.zst
$(OUT)/attributes/quality/$1/$2.jsonl.zst.manifest.json: \
    $(OUT)/documents/$1/$2.jsonl.zst.manifest.json $(call opts,quality)
	$$(call say,quality,$1/$2)
	@cd $(OUT) && dolma-quality -t $(QUALITY_$1) -j $J --attributes quality \
		$(call stats,quality.$1-$2) documents/$1/$2.jsonl.zst
$(OUT)/attributes/decontam/$1/$2.jsonl.zst.manifest.json: \
    $(OUT)/documents/$1/$2.jsonl.zst.manifest.json $$(call manifests,$$(HELD)) $(call opts,decontam)
	$$(call say,decontam,$1/$2)
	@cd $(OUT) && decontam $$(HELD:%=-e %) $(DECONTAM_OPTS) --mark --name contaminated -j $J \
		--attributes decontam $(call stats,decontam.$1-$2) documents/$1/$2.jsonl.zst
ATTRS += $(patsubst %,attributes/%/$1/$2.jsonl.zst,$(filter-out dup_%,$(SETS)))
endef

# Deduplication over shards: keys of each, held-out text first; merged; each shard marked.
define dedup_rule
$(OUT)/keys/$1.$2.$3.keys.manifest.json: $(OUT)/$4.manifest.json $(call opts,dedup)
	@cd $(OUT) && mkdir -p keys && dolma-dedup $$(call dedup_opts,$1) -j $J \
		$(call stats,dedup.$1.$2-$3) --keys-out keys/$1.$2.$3.keys $4
KEYS_$1 += keys/$1.$2.$3.keys
endef
define mark_rule
$(OUT)/attributes/dup_$1/$2/$3.jsonl.zst.manifest.json: \
    $(OUT)/documents/$2/$3.jsonl.zst.manifest.json $(OUT)/keys/$1.all.manifest.json
	$$(call say,dedup,$1 $2/$3)
	@cd $(OUT) && dolma-dedup $$(call dedup_opts,$1) --name dup_$1 \
		--keys keys/$1.all -j $J --attributes dup_$1 $(call stats,dedup.$1.mark-$2-$3) \
		documents/$2/$3.jsonl.zst
ATTRS += $(if $(filter dup_%,$(SETS)),attributes/dup_$1/$2/$3.jsonl.zst)
endef
each = $(foreach s,$(SOURCES),$(foreach n,$(call shards,$s),$(eval $(call $1,$s,$n))))
$(call each,attr_rule)
$(foreach k,$(DEDUP_KINDS),\
  $(foreach s,$(call dedup_sources,$k),$(foreach n,$(call shards,$s),\
    $(eval $(call dedup_rule,$k,held-$s,$n,eval/data/$s/val/$n.jsonl.gz))))\
  $(foreach s,$(call dedup_sources,$k),$(foreach n,$(call shards,$s),\
    $(eval $(call dedup_rule,$k,$s,$n,documents/$s/$n.jsonl.zst))\
    $(eval $(call mark_rule,$k,$s,$n)))))
define merge_rule
$(OUT)/keys/$1.all.manifest.json: $(call manifests,$(KEYS_$1))
	@cd $(OUT) && dolma-dedup --merge $(call stats,dedup.$1.merge) -o keys/$1.all $(KEYS_$1)
endef
$(foreach k,$(DEDUP_KINDS),$(eval $(call merge_rule,$k)))

# --- the mix -------------------------------------------------------------------------------------
$(OUT)/mix/manifest.json: $(OUT)/$(MIX_YAML) $(call manifests,$(DOCS)) $(call manifests,$(ATTRS))
	$(call say,mix,filters and masks)
	@cd $(OUT) && rm -rf mix && dolma-mix $(if $(SWAPPED),-q) -c $(MIX_YAML) -j $J \
		--rules mix-rules.tsv --examples mix-dropped.jsonl \
		$(call stats,mix.all) -o mix

# --- tokens --------------------------------------------------------------------------------------
# One of another maker comes without a manifest.
tokenizer := $(OUT)/tokenizer.json$(if $(TOKENIZER),,.manifest.json)
ifneq ($(TOKENIZER),)
$(OUT)/tokenizer.json: $(TOKENIZER) $(call opts,vocab)
	@cp $< $@.tmp && mv $@.tmp $@
endif
$(OUT)/tokenizer.json.manifest.json: $(OUT)/mix/manifest.json $(call opts,vocab)
	$(call say,tokenize,vocabulary of $(VOCAB))
	@cd $(OUT) && tokenize --train --vocab-size $(VOCAB) $(SPECIALS:%=--special '%') -j $J \
		$(call stats,tokenize.vocabulary) -o tokenizer.json mix/*.jsonl.gz
$(OUT)/tokens/%-0000.tok.manifest.json: $(tokenizer) $(OUT)/mix/manifest.json
	$(call say,tokenize,$*)
	@cd $(OUT) && mkdir -p tokens && tokenize -t tokenizer.json -j $J $(call stats,tokenize.$*) \
		-o tokens/$*-0000.tok mix/$*-*.jsonl.gz && tokcat --verify tokens/$*-0000.tok
TOK := $(SOURCES:%=tokens/%-0000.tok)
TRAIN_TOK := $(if $(WEIGHTS),tokens/mixture.tok,$(TOK))
weighted = $(foreach w,$(WEIGHTS),$(subst :,:tokens/,$w)-0000.tok)
$(OUT)/tokens/mixture.tok.manifest.json: $(call manifests,$(TOK)) $(call opts,weights)
	$(call say,shuffle,mixture of $(MIX_TOKENS) tokens by weight)
	@cd $(OUT) && shuffle --mix $(weighted) --tokens $(MIX_TOKENS) --seed $(SEED) \
		$(call stats,shuffle.mixture) -o tokens/mixture.tok
$(OUT)/order/epoch1.order.manifest.json: $(call manifests,$(TRAIN_TOK)) $(call opts,order)
	$(call say,shuffle,instances of $(SEQ_LEN) tokens)
	@cd $(OUT) && mkdir -p order && shuffle --order $(TRAIN_TOK) --seq-len $(SEQ_LEN) \
		--seed $(SEED) --epoch 0 $(call stats,shuffle.order) -o order/epoch1.order

# --- training and evaluation ---------------------------------------------------------------------
# Exit 75 means: stopped on request, state saved, run me again.
$(OUT)/run/manifest.json: $(OUT)/order/epoch1.order.manifest.json $(OUT)/conf/train.yaml \
    $(call opts,train) $(TRAIN_NEEDS)
	$(call say,train,$(TRAIN_OPTS))
	@cd $(OUT) && if [ -e run/latest ] && cmp -s conf/train.yaml run.conf && \
		cmp -s .opts/train run.opts && cmp -s order/epoch1.order.manifest.json run.order; then \
		set -- --resume run; \
	else \
		rm -rf run; cp conf/train.yaml run.conf; cp .opts/train run.opts; \
		cp order/epoch1.order.manifest.json run.order; \
		set -- -c conf/train.yaml -o run $(TRAIN_OPTS); \
	fi; \
	while train "$$@" -j $(TRAIN_J) $(call stats,train.run); rc=$$?; [ $$rc = 75 ]; do set -- --resume run; done; \
	[ $$rc = 0 ] && rm -f run.conf run.opts run.order
$(OUT)/eval/paloma/manifest.json: $(OUT)/run/manifest.json $(call manifests,$(HELD)) \
    $(call opts,paloma)
	$(call say,paloma,bits per byte on held-out text)
	@cd $(OUT) && paloma -m run/latest $(PALOMA_OPTS) -j $J $(call stats,paloma.heldout) -f \
		--documents eval/documents.tsv -o eval/paloma eval/data >/dev/null
# What general compressors make of the same bytes.
$(OUT)/eval/compress.tsv: $(call manifests,$(HELD))
	$(call say,compress,xz -9e and zstd -19 on the same bytes)
	@sh $D/compress.sh $(OUT) $(SOURCES) >$@.tmp && mv $@.tmp $@

# Which way does a held-out text go on?  Asked of the model, and of the same model before training.
$(OUT)/eval/tasks/heldout.validation.jsonl: $(call manifests,$(HELD)) $D/cloze.sh
	$(call say,catwalk,questions from held-out text)
	@mkdir -p $(@D) && sh $D/cloze.sh $(OUT)/eval/data 700 >$@.tmp && mv $@.tmp $@
$(OUT)/untrained/manifest.json: $(OUT)/order/epoch1.order.manifest.json $(OUT)/conf/train.yaml \
    $(TRAIN_NEEDS)
	@cd $(OUT) && rm -rf untrained && train -q -c conf/train.yaml -o untrained --max_duration=0 \
		-j $(TRAIN_J) --progress never $(call stats,train.untrained)
$(OUT)/eval/catwalk-init/metrics.json: ASKED := untrained/latest
$(OUT)/eval/catwalk/metrics.json: ASKED := run/latest
$(OUT)/eval/catwalk/metrics.json: $(OUT)/run/manifest.json
$(OUT)/eval/catwalk-init/metrics.json: $(OUT)/untrained/manifest.json
$(OUT)/eval/catwalk/metrics.json $(OUT)/eval/catwalk-init/metrics.json: \
    $(OUT)/eval/tasks/heldout.validation.jsonl
	$(call say,catwalk,$(ASKED))
	@cd $(OUT) && catwalk -m $(ASKED) -t jsonl:heldout --data eval/tasks -j $J -f \
		$(call stats,catwalk.$(patsubst %/,%,$(dir $(ASKED)))) -o $(patsubst $(OUT)/%/metrics.json,%,$@)
$(OUT)/eval/prompts.jsonl: $(call manifests,$(HELD)) $D/prompts.sh
	@sh $D/prompts.sh $(OUT)/eval/data >$@.tmp && mv $@.tmp $@
$(OUT)/eval/samples.jsonl: $(OUT)/run/manifest.json $(OUT)/eval/prompts.jsonl
	$(call say,generate,how the model goes on)
	@cd $(OUT) && generate -m run/latest --max-new 80 --temperature 0.7 --top-p 0.9 --seed 1 -j $J \
		$(call stats,generate.samples) -o eval/samples.jsonl eval/prompts.jsonl

EVALUATED := $(OUT)/eval/paloma/manifest.json $(EVAL:%=$(OUT)/eval/%)
$(OUT)/report.txt: $(EVALUATED) $D/report.sh
	$(call say,report,$(OUT)/report.html)
	@cd $(OUT) && olmo report . -f -o report.html
	@sh $D/report.sh $(OUT) $(SOURCES) >$(OUT)/.report.tmp
	@cd $(OUT) && find . -type f ! -path './.*' ! -path './stats/*' ! -name 'report.*' \
		! -name SHA256SUMS ! -name timing.jsonl | \
		sort | xargs sha256sum >.sums.tmp && mv .sums.tmp SHA256SUMS && mv .report.tmp report.txt
