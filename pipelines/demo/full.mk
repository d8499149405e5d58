# full: about 230 MB of text, the small demo's kinds and four large packages more; a larger model, hours.
HELDOUT_dict  ?= 0.003
HELDOUT_man   ?= 0.006
HELDOUT_code  ?= 0.003
MIX_CONF      := $D/small.mix.yaml
STEPS         ?= 12000
MIX_TOKENS    ?= 50000001
include $D/small.mk
