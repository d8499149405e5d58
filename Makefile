# olmo.c: one make, no configure.  `make help` lists the targets, README.md tells the rest.
# Knobs: CC CXX CFLAGS SAN=asan|ubsan|tsan DEV=1 PREFIX DESTDIR  B (objects)  BIN (programs)

VERSION := 0.1.0
PREFIX  ?= /usr/local
CFLAGS  ?= -O2 -g
B       ?= build
BIN     ?= bin
SHARED  ?= ../shared

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin CXX),default)
CXX := g++
endif

WARN   := -Wall -Wextra -Wshadow -Wpointer-arith -Wwrite-strings -Wvla -Wno-missing-field-initializers
WARNC  := -Wstrict-prototypes -Wmissing-prototypes
CPPF   := -Icommon -I. -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -DOLMO_VERSION='"$(VERSION)"'
# Contraction is off and every fused multiply-add is written out: the bits must not depend on
# the compiler's mood.  errno and traps of the maths library are not used.
FPF    := -ffp-contract=off -fno-math-errno -fno-trapping-math
SANF_asan  := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
SANF_ubsan := -fsanitize=undefined -fno-sanitize-recover=undefined
SANF_tsan  := -fsanitize=thread
ifneq ($(SAN),)
ifeq ($(SANF_$(SAN)),)
$(error SAN=$(SAN): use asan, ubsan or tsan)
endif
endif
ifeq ($(DEV),1)
WARN += -Werror
endif
# Under a sanitizer kernels/cpu/ops_*.c are compiled with -O0: optimised, each takes minutes.
ALLC   := -std=c11 $(CFLAGS) $(CPPF) $(FPF) $(WARN) $(WARNC) $(SANF_$(SAN)) -pthread
ALLCXX := -std=c++17 $(CFLAGS) $(CPPF) $(FPF) -Wall -Wextra $(SANF_$(SAN)) -pthread
ISA_avx2   := -mavx2 -mfma -mbmi -mbmi2 -mpopcnt
ISA_avx512 := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma -mbmi -mbmi2 -mpopcnt
ISA_avx512bf16 := $(ISA_avx512) -mavx512bf16
ISA_amx    := $(ISA_avx512bf16) -mamx-tile -mamx-bf16

# One folder of objects for each set of flags, so that SAN=asan does not mix with the rest.
O := $(B)/$(shell printf '%s' '$(CC) $(CXX) $(ALLC) $(ALLCXX) $(LDFLAGS)' | cksum | cut -d' ' -f1)

# --- layers, from right to left: what a program links -------------------------------------
LAYERS := eval model kernels text tok doc io base
DOCP   := text doc io base
TOKP   := tok doc io base
ALLP   := eval model kernels tok doc io base
LAYERS_dolma-fetch   := io base
LAYERS_dolma-docs    := doc io base
LAYERS_dolma-langid  := $(DOCP)
LAYERS_dolma-quality := $(DOCP)
LAYERS_dolma-dedup   := $(DOCP)
LAYERS_dolma-mix     := $(DOCP)
LAYERS_decontam      := $(DOCP)
LAYERS_tokenize      := $(TOKP)
LAYERS_tokcat        := $(TOKP)
LAYERS_shuffle       := $(TOKP)
LAYERS_train         := $(ALLP)
LAYERS_paloma        := $(ALLP)
LAYERS_catwalk       := eval model kernels text tok doc io base
LAYERS_generate      := $(ALLP)
LAYERS_olmo          := io base

EXT_base := -lxxhash -lm -lpthread
EXT_io   := -ljansson -lyaml -lzstd -lisal -lz \
	-Wl,--push-state,--as-needed -lcurl -lcrypto -Wl,--pop-state
# Only dolma-docs needs libxml2: the other programs with the doc layer are not tied to it.
EXT_doc  := -Wl,--push-state,--as-needed -lxml2 -Wl,--pop-state
CPP_doc  := -I/usr/include/libxml2
EXT_text := -lfasttext -lstdc++

SRC_kernels := $(sort $(wildcard kernels/*.c kernels/cpu/*.c))
src_of = $(if $(filter kernels,$1),$(SRC_kernels),$(sort $(wildcard common/$1/*.c common/$1/*.cpp)))
obj_of = $(patsubst %.cpp,$O/%.o,$(patsubst %.c,$O/%.o,$(call src_of,$1)))
libs_of = $(foreach l,$1,$O/lib/lib$l.a)
ext_of  = $(foreach l,$1,$(EXT_$l))

PROGS := $(patsubst cmd/%.c,%,$(sort $(wildcard cmd/*.c)))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all FORCE
all: $(PROGS:%=$(BIN)/%)

$(BIN)/%: $O/bin/% FORCE
	@mkdir -p $(@D)
	@ln -sfn $(abspath $<) $@

.SECONDEXPANSION:
$O/lib/lib%.a: $$(call obj_of,$$*) $$(call src_of,$$*)
	@mkdir -p $(@D)
	@rm -f $@
	$(if $V,,@echo "  AR    $(@F)";)ar rcsD $@ $(filter %.o,$^)

$O/bin/%: $O/cmd/%.o $$(call libs_of,$$(LAYERS_$$*))
	@mkdir -p $(@D)
	$(if $(LAYERS_$*),,$(error cmd/$*.c: name its layers as LAYERS_$* in the Makefile))
	$(if $V,,@echo "  LINK  $*";)$(CC) $(ALLC) $(LDFLAGS) -o $@ $< -Wl,--start-group \
		$(call libs_of,$(LAYERS_$*)) -Wl,--end-group $(call ext_of,$(LAYERS_$*))

$O/%.o: %.c
	@mkdir -p $(@D)
	$(if $V,,@echo "  CC    $<";)$(CC) $(ALLC) $(if $(filter common/doc/%,$*),$(CPP_doc)) \
		$(if $(SAN),$(if $(filter kernels/cpu/ops_%,$*),-O0)) \
		$(foreach i,avx2 avx512 avx512bf16 amx,$(if $(filter %_$i,$*),$(ISA_$i))) -MMD -MP -c -o $@ $<

$O/%.o: %.cpp
	@mkdir -p $(@D)
	$(if $V,,@echo "  CXX   $<";)$(CXX) $(ALLCXX) -MMD -MP -c -o $@ $<

# --- test programs: the first line of the file names the layers they link -------------------
CTESTS := $(sort $(wildcard test/unit/*.c test/kernels/*.c))
CCONF  := $(sort $(wildcard test/conformance/*.c))
CLONG  := $(sort $(wildcard test/long/*.c))
CBENCH := $(sort $(wildcard test/bench/*.c))
CREF   := $(sort $(wildcard test/ref/*.c))
ctest_layers = $(shell sed -n '1s:^/\* layers\: \(.*\) \*/$$:\1:p' $1)
ctests_of = $(patsubst %.c,$O/%,$1)

$O/test/%: $O/test/%.o $$(call libs_of,$$(call ctest_layers,test/$$*.c))
	$(if $V,,@echo "  LINK  test/$*";)$(CC) $(ALLC) $(LDFLAGS) -o $@ $< -Wl,--start-group \
		$(call libs_of,$(call ctest_layers,test/$*.c)) -Wl,--end-group \
		$(call ext_of,$(call ctest_layers,test/$*.c)) -lcmocka

include pipelines/targets.mk

-include $(shell find $O -name '*.d' 2>/dev/null)
