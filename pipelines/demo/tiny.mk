# tiny: text that every Debian has and this source tree; half a minute.
SOURCES := legal code manual notes
RAW_SAYS := text that every Debian has
RAW      = sh $D/raw-tiny.sh $(ROOT) $(OUT)
FROM_code     := source
HELDOUT       ?= 0.06
QUALITY_legal ?= gopher,pii,char_length_v1
QUALITY_code  ?= pii,char_length_v1
QUALITY_manual ?= gopher,pii,char_length_v1
QUALITY_notes ?= pii,char_length_v1
VOCAB         ?= 2048
SEQ_LEN       ?= 256
STEPS         ?= 80
