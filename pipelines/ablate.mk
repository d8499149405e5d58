# ablate.mk: a stage of demo.mk replaced.  Included by demo.mk; pipelines/ablate.sh prepares OUT.
#
# SWAP names the stage (OUT/.opts/base.mk sets it; empty in a plain run).  Of a stage of curation the
# command in OUT/.opts/with takes the place: it is given the base's documents with the attributes of
# the stages before inside them, and what it writes becomes documents/.  The stages behind run as
# ever; attributes of the stage itself and of those before are not joined again, they are inside.

STAGES  := documents langid quality decontam dedup mix
SWAPPED := $(filter $(STAGES),$(SWAP))
SETS_documents := langid quality decontam dup_doc dup_para
SETS_langid    := quality decontam dup_doc dup_para
SETS_quality   := decontam dup_doc dup_para
SETS_decontam  := dup_doc dup_para
SETS_dedup     :=
SETS_mix       :=
# The attribute sets that this run makes and its mix joins; those that the command finds inside.
SETS   := $(if $(SWAPPED),$(SETS_$(SWAP)),$(SETS_documents))
MIX_YAML := conf/mix$(if $(SWAPPED),.swap).yaml
INSIDE := $(filter-out $(SETS) $(if $(filter dedup,$(SWAP)),dup_%) \
	$(filter $(SWAP),langid quality decontam),$(SETS_documents))

# What was given on the command line, for an ablation to repeat.
define vars_nl


endef
vars_given := $(foreach v,$(sort DEMO $(foreach w,$(.VARIABLES),$(if $(filter command line,$(origin $w)),$w))),\
  $(if $(filter OUT J TRAIN_J BIN D MAKE% -% .%,$v),,$v = $(subst \#,\\\#,$(value $v))$(vars_nl)))
ifneq ($(strip $(vars_given)),$(strip $(file <$(OUT)/.opts/vars.mk)))
$(file >$(OUT)/.opts/vars.mk,$(vars_given))
endif

define swap_rule
$(OUT)/documents/$1/$2.jsonl.zst.manifest.json: $(OUT)/.opts/with $(OUT)/conf/swap.yaml \
    $(OUT)/base/documents/$1/$2.jsonl.zst.manifest.json
	$$(call say,$(SWAP),$1/$2 by your command)
	@sh $(ROOT)/pipelines/ablate-swap.sh $(OUT) $(SWAP) $1 $2 $(INSIDE)
endef

ifneq ($(SWAPPED),)
$(foreach s,$(SOURCES),$(foreach n,$(SHARDS),$(eval $(call swap_rule,$s,$n))))
$(OUT)/conf/swap.yaml:
	@mkdir -p $(@D)
	@echo 'streams: [{name: swap, output: {path: documents}}]' >$@.tmp && mv $@.tmp $@
comma := ,
$(OUT)/conf/mix.swap.yaml: $(OUT)/conf/mix.yaml $(OUT)/.opts/with
	@mkdir -p $(@D)
ifeq ($(SWAP),mix)
	@{ echo 'streams:'; for s in $(SOURCES); do \
		echo "- {name: $$s, documents: [documents/$$s/*.jsonl.zst], output: {path: mix," \
			"max_size_in_bytes: 1000000000, discard_fields: [attributes]}}"; \
	done; } >$@.tmp && mv $@.tmp $@
else
	@sed 's/^\( *attributes: *\(&[a-z]* \)\{0,1\}\)\[.*\]/\1[$(subst $() ,$(comma) ,$(strip $(SETS)))]/' $< >$@.tmp && \
		mv $@.tmp $@
endif
endif
