# pipeutils: `make help` lists the targets.
#
# One flavour a folder: build/release, build/debug, build/asan. Sources are
# found by wildcard: a new file in lib/ or cmd/ needs no line here.

FLAVOUR ?= release
PREFIX ?= /usr/local
BUILD := build/$(FLAVOUR)
VERSION := 0.1.0

# `make V=1` shows whole command lines.
Q := $(if $(V),,@)
say := @$(if $(V),:,printf '%-3s %s\n')

CC ?= cc
BASE_FLAGS := -std=c11 -D_GNU_SOURCE -DPIPE_VERSION='"$(VERSION)"' -Ilib -MMD -MP
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion

# The compiler options guide of the OpenSSF, as far as this compiler takes them.
HARDEN_WANTED := -Wformat=2 -Wimplicit-fallthrough -Werror=format-security \
	-Werror=implicit -Werror=incompatible-pointer-types -Werror=int-conversion \
	-fstrict-flex-arrays=3 -fstack-clash-protection -fstack-protector-strong \
	-fcf-protection=full -mbranch-protection=standard \
	-fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing \
	-ftrivial-auto-var-init=zero -fPIE
takes = $(shell $(CC) -Wall -Werror $(1) -c -x c /dev/null -o /dev/null 2>/dev/null && echo $(1))
HARDEN := $(foreach f,$(HARDEN_WANTED),$(call takes,$(f)))
LDHARDEN := -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed,--no-copy-dt-needed-entries

FLAGS_release := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
FLAGS_debug := -O0 -g3
FLAGS_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
FLAGS_cov := -O0 -g --coverage
FLAGS_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer

# ISA-L inflates gzip where it is installed; `make ISAL=` does without.
ISAL := $(call takes,-include isa-l/igzip_lib.h)

# libpq's header has a folder of its own on Debian.
LIBPQ := $(addprefix -isystem ,$(shell pkg-config --variable=includedir libpq 2>/dev/null))

ALL_CFLAGS := $(BASE_FLAGS) $(WARN) $(HARDEN) $(FLAGS_$(FLAVOUR)) \
	$(if $(ISAL),-DHAVE_ISAL) $(LIBPQ) $(CFLAGS)
ALL_LDFLAGS := $(LDHARDEN) $(filter -fsanitize=% --coverage,$(FLAGS_$(FLAVOUR))) $(LDFLAGS)

# libcurl is loaded when it is needed: here it is only its header.
LIBS := -lsqlite3 -lpq -lyaml -lcsv -ljansson -lpcre2-8 -lidn2 -lzstd -lz -lgmp $(if $(ISAL),-lisal) -lm -ldl -lpthread

# Kernels for what not every machine has: chosen at run time.
ifneq (,$(findstring x86_64,$(shell $(CC) -dumpmachine)))
%_avx2.o: KERNEL := -mavx2 -mbmi -mbmi2 -mpopcnt -mpclmul
%_avx512.o: KERNEL := -mavx512f -mavx512bw -mavx512vl -mavx512vbmi \
	-mavx512vbmi2 -mbmi -mbmi2 -mpopcnt -mpclmul
endif

LIB_SRC := $(wildcard lib/*/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o) $(BUILD)/lib/connectors.o
LIB := $(BUILD)/libpipeutils.a

# A command is cmd/NAME.c, or a folder cmd/NAME/ where it needs parts.
CMDS := $(sort $(basename $(notdir $(wildcard cmd/pipe-*.c))) $(notdir $(patsubst %/,%,$(wildcard cmd/pipe-*/))))
BINS := $(CMDS:%=$(BUILD)/bin/%)
cmd_src = $(wildcard cmd/$(1).c cmd/$(1)/*.c)

# A tool that is a script: scripts/pipe-NAME, or the parts in a folder of that
# name one behind the other; its version filled in.
SCRIPTS := $(patsubst scripts/%,$(BUILD)/bin/%,$(wildcard scripts/pipe-*))
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*.c))

all: $(BINS) $(SCRIPTS) docs ## build the tools, man pages and completions

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(ALL_CFLAGS) $(KERNEL) -c $< -o $@

# Connectors are found by the line that defines each.
$(BUILD)/lib/connectors.c: $(LIB_SRC) scripts/build/connectors
	@mkdir -p $(@D)
	$(Q)scripts/build/connectors $(LIB_SRC) >$@.tmp && { cmp -s $@.tmp $@ || cp $@.tmp $@; } && rm $@.tmp

$(BUILD)/lib/connectors.o: $(BUILD)/lib/connectors.c Makefile
	$(say) CC $<
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@

$(LIB): $(LIB_OBJ)
	@rm -f $@
	$(say) AR $@
	$(Q)$(AR) rcs $@ $^

define command_rule
$(BUILD)/bin/$(1): $$(patsubst %.c,$$(BUILD)/%.o,$$(call cmd_src,$(1))) $$(LIB)
	@mkdir -p $$(@D)
	$$(say) LD $$@
	$$(Q)$$(CC) $$(ALL_LDFLAGS) $$^ $$(LIBS) -o $$@
endef
$(foreach c,$(CMDS),$(eval $(call command_rule,$(c))))

# pipe-extract with sources from elsewhere: EXTRA are C files, among them a
# table of connectors that takes the place of ours. For tests.
pipe-extract-with:
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(patsubst %.c,$(BUILD)/%.o,$(call cmd_src,pipe-extract)) $(EXTRA) $(LIB) $(LIBS) -o $(EXTRA_OUT)

script_src = $(or $(sort $(wildcard scripts/$(1)/*.sh)),scripts/$(1))
define script_rule
$(BUILD)/bin/$(1): $$(call script_src,$(1)) Makefile
	@mkdir -p $$(@D)
	$$(Q)cat $$(call script_src,$(1)) | sed 's/@VERSION@/$$(VERSION)/' >$$@.tmp && chmod 755 $$@.tmp && mv $$@.tmp $$@
endef
$(foreach s,$(notdir $(SCRIPTS)),$(eval $(call script_rule,$(s))))

# ---- documentation: option tables of the commands fill pages and completions
MAN_SRC := $(wildcard man/*.[157].in)
MANS := $(MAN_SRC:man/%.in=$(BUILD)/man/%)
COMPLETIONS := $(patsubst $(BUILD)/bin/%,$(BUILD)/completions/%,$(BINS) $(SCRIPTS))

docs: $(MANS) $(COMPLETIONS) ## build man pages and bash completions

$(BUILD)/man/%: man/%.in scripts/build/manpage $(BINS) $(SCRIPTS)
	@mkdir -p $(@D)
	$(say) MAN $@
	$(Q)scripts/build/manpage $(BUILD)/bin $(VERSION) $< >$@.tmp && mv $@.tmp $@

$(BUILD)/completions/%: $(BUILD)/bin/%
	@mkdir -p $(@D)
	$(Q)$< --help=completion >$@.tmp && mv $@.tmp $@

# What is shipped to be copied or read: alert rules, examples, units.
SHARED := $(shell find scripts/share -type f 2>/dev/null)

install: all ## install under DESTDIR and PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 755 $(BINS) $(SCRIPTS) $(DESTDIR)$(PREFIX)/bin
	for m in $(MANS); do install -D -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$${m##*/}; done
	install -m 644 $(COMPLETIONS) $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	for f in $(SHARED); do install -D -m $$(test -x $$f && echo 755 || echo 644) $$f $(DESTDIR)$(PREFIX)/share/pipeutils/$${f#scripts/share/}; done

deb: all ## build a Debian package, in the build folder
	@scripts/deb/build $(VERSION) $(BUILD)

# ---- tests
$(BUILD)/unit/%: tests/unit/%.c tests/unit/unit.h $(LIB)
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) -Itests/unit $(ALL_LDFLAGS) $< $(LIB) $(LIBS) -o $@

# A fuzz target replays its corpus; the flavour fuzz has libFuzzer in its place.
FUZZ := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(filter-out %/replay.c,$(wildcard tests/fuzz/*.c)))
FUZZ_MAIN := $(if $(filter fuzz,$(FLAVOUR)),-fsanitize=fuzzer,tests/fuzz/replay.c)

$(BUILD)/fuzz/%: tests/fuzz/%.c tests/fuzz/fuzz.h tests/fuzz/replay.c $(LIB)
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) -MF $@.d -Itests/fuzz $(ALL_LDFLAGS) $< $(FUZZ_MAIN) $(LIB) $(LIBS) -o $@

unit: $(UNIT) $(FUZZ)

check: all unit ## run the fast tests (minutes)
	FLAVOUR=$(FLAVOUR) tests/run fast

check-asan: ## the fast tests under address and undefined behaviour sanitizers
	$(MAKE) FLAVOUR=asan all unit
	FLAVOUR=asan tests/run fast

check-fault: all unit ## kill stages at random moments, fail system calls
	FLAVOUR=$(FLAVOUR) tests/run fault

check-services: all unit ## loads into a PostgreSQL of the tests' own, on loopback
	FLAVOUR=$(FLAVOUR) tests/run services

check-cross: all unit ## each kernel of the scanner; NEON under qemu
	FLAVOUR=$(FLAVOUR) tests/run cross

fuzz: ## search with libFuzzer; FUZZ_SECONDS for each target, TARGET=name for one
	$(MAKE) FLAVOUR=fuzz CC=clang fuzzers
	tests/fuzz/run build/fuzz $(or $(FUZZ_SECONDS),60) $(TARGET)

fuzzers: $(FUZZ)

lint: ## format, static analysis, shell scripts, layers
	scripts/lint

bench: all ## time each tool beside its peers; TASK=name for one, SMOKE=1 for a small input
	FLAVOUR=$(FLAVOUR) tests/bench/run $(TASK)

clean: ## remove the build folder
	rm -rf build

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

.PHONY: pipe-extract-with all docs install deb unit check check-asan check-fault check-services check-cross fuzz fuzzers lint bench clean help
.DELETE_ON_ERROR:
.SECONDARY:

-include $(wildcard $(BUILD)/lib/*.d $(BUILD)/lib/*/*.d $(BUILD)/cmd/*.d $(BUILD)/cmd/*/*.d)
