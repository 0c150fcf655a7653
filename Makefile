# SPDX-License-Identifier: Apache-2.0
# Felloe's build. `make help` lists what there is; README.md, "Working on Felloe", says how to use it.

ifeq ($(origin CC),default)
CC     := gcc
endif
B      := build
ifeq ($(strip $(B)),)
$(error B is empty: it names the directory to build in)
endif
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
UNITDIR ?= $(PREFIX)/lib/systemd
DOCDIR ?= $(PREFIX)/share/doc/felloe
OPT    ?= -O2 -g
WERROR ?= -Werror
PKG_CONFIG ?= pkg-config
Q      := $(if $(V),,@)

# ---- flags -----------------------------------------------------------------------------------------------------------

CLANG   := $(findstring clang,$(CC))
MACHINE := $(shell uname -m)
CSTD    := -std=gnu17
WARN    := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla $(WERROR)
# Not with gcc: with -ftrivial-auto-var-init gcc 12 clears bytes beside the padding of an initialised array of structs.
HARDEN  := -fstack-protector-strong -fstack-clash-protection \
           $(if $(CLANG),-ftrivial-auto-var-init=zero -Wno-unused-command-line-argument \
               -enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang) \
           $(if $(filter x86_64,$(MACHINE)),-fcf-protection) \
           $(if $(SANITIZE)$(filter -O0,$(OPT)),,-D_FORTIFY_SOURCE=3)
CPPFLAGS   += -I. -Iinclude -D_GNU_SOURCE
# One set of objects serves programs, archive and shared library; the exports are narrowed when linking.
ALLCFLAGS   = $(CSTD) $(OPT) $(WARN) $(HARDEN) -fPIC -fno-semantic-interposition $(SANITIZE) $(CFLAGS) -MMD -MP
ALLLDFLAGS  = -pie -Wl,-z,relro,-z,now $(SANITIZE) $(LDFLAGS)

# Asked of pkg-config when first used, so that parsing this file needs nothing installed.
PROTO_PKGS  := msgpack libsodium
DAEMON_PKGS := libuv libzmq lmdb inih libsystemd
CLIENT_PKGS := jansson
lazy         = $(eval $1 := $$(shell $2))$($1)
PKG_CFLAGS   = $(call lazy,PKG_CFLAGS,$(PKG_CONFIG) --cflags $(PROTO_PKGS) $(DAEMON_PKGS) $(CLIENT_PKGS))
PROTO_LIBS   = $(call lazy,PROTO_LIBS,$(PKG_CONFIG) --libs $(PROTO_PKGS))
DAEMON_LIBS  = $(call lazy,DAEMON_LIBS,$(PKG_CONFIG) --libs $(PROTO_PKGS) $(DAEMON_PKGS)) -lpthread
CLIENT_LIBS  = $(call lazy,CLIENT_LIBS,$(PKG_CONFIG) --libs $(PROTO_PKGS) $(CLIENT_PKGS))
TEST_LIBS    = -lcmocka

# ---- what there is to build ------------------------------------------------------------------------------------------

obj       = $(patsubst %.c,$B/%.o,$(wildcard $1))
PROTO_O   := $(call obj,proto/*.c proto/*/*.c)
DAEMON_O  := $(call obj,daemon/*.c daemon/*/*.c)
CLIENT_O  := $(call obj,client/*.c client/*/*.c)
LIB_O     := $(call obj,client/lib/*.c)
TESTLIB_O := $(call obj,tests/lib/*.c)
GENERATE_O := $(call obj,tests/generator/*.c)
UNIT      := $(patsubst tests/unit/%.c,$B/tests/%,$(wildcard tests/unit/test_*.c))
SIM       := $(patsubst tests/sim/%.c,$B/tests/%,$(wildcard tests/sim/test_*.c))
SIM_O     := $(call obj,$(filter-out tests/sim/test_% tests/sim/main.c,$(wildcard tests/sim/*.c)))
NET       := $(patsubst %.c,$B/%,$(filter-out tests/net/way.c tests/net/laptop.c tests/net/curve.c,$(wildcard tests/net/*.c)))
POWER_O   := $(call obj,tests/power/*.c)
BENCH_O   := $(call obj,tests/bench/*.c)
PRELOAD   := $(patsubst tests/preload/%.c,$B/%.so,$(wildcard tests/preload/*.c))
FUZZ      := $(patsubst tests/fuzz/fuzz_%.c,$B/tests/fuzz_%,$(wildcard tests/fuzz/fuzz_*.c))
SOURCES   := $(wildcard include/felloe/*.h proto/*.[ch] proto/*/*.[ch] daemon/*.[ch] daemon/*/*.[ch] client/*.[ch] client/*/*.[ch] tests/*/*.[ch])
COMMIT     = $(shell git describe --always --dirty 2>/dev/null)
VERSION    = $(shell sed -n 's/.*FELLOE_VERSION "\(.*\)".*/\1/p' include/felloe/version.h)
SOVERSION := 0
GENERATOR := $(if $(GENERATE_O),$B/felloe-generate)

all: $B/felloed $B/felloe  ## build build/felloed and build/felloe (the default)

$B/felloed: $(DAEMON_O) $B/libproto.a
	@echo "  LINK  $@"
	$Q$(CC) $(ALLLDFLAGS) -o $@ $(DAEMON_O) $B/libproto.a $(DAEMON_LIBS)
$B/felloe: $(CLIENT_O) $B/libproto.a
	@echo "  LINK  $@"
	$Q$(CC) $(ALLLDFLAGS) -o $@ $(CLIENT_O) $B/libproto.a $(CLIENT_LIBS)
$B/felloe-generate: $(GENERATE_O) $B/libproto.a
	@echo "  LINK  $@"
	$Q$(CC) $(ALLLDFLAGS) -o $@ $(GENERATE_O) $B/libproto.a $(PROTO_LIBS) -lm
$B/libproto.a: $(PROTO_O)
	@echo "  AR    $@"
	$Q rm -f $@; ar rcs $@ $^
$B/%.o: %.c $B/.flags
	@mkdir -p $(@D); echo "  CC    $<"
	$Q$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(ALLCFLAGS) -c -o $@ $<
# Objects of another compiler or other flags are made again.
FLAGS_NOW = $(CC) $(CPPFLAGS) $(ALLCFLAGS) $(ALLLDFLAGS)
$B/.flags: FORCE
	@mkdir -p $(@D); echo '$(FLAGS_NOW)' | cmp -s - $@ || echo '$(FLAGS_NOW)' >$@

# A daemon of before: its catalogue lacks what catalogue.def says came after. For tests of what a build does not know.
OLDER_O := $(patsubst $B/%,$B/older/%,$(filter $B/proto/domain/%,$(PROTO_O)))
$B/older/%.o: %.c $B/.flags
	@mkdir -p $(@D); echo "  CC    $< (older)"
	$Q$(CC) $(CPPFLAGS) -DFELLOE_OLDER $(PKG_CFLAGS) $(ALLCFLAGS) -c -o $@ $<
$B/felloed-older: $(DAEMON_O) $(filter-out $B/proto/domain/%,$(PROTO_O)) $(OLDER_O)
	@echo "  LINK  $@"
	$Q$(CC) $(ALLLDFLAGS) -o $@ $^ $(DAEMON_LIBS)

# A hub that lies: it does not compare what laptops have received with what it has.
$B/felloed-lying: $(DAEMON_O) $B/tests/lie/lying_hub.o $B/libproto.a
	@echo "  LINK  $@"
	$Q$(CC) $(ALLLDFLAGS) -Wl,--wrap=message_decode -o $@ $^ $(DAEMON_LIBS)

# A felloed that seals nothing, and says so: to measure against. It lies apart, with a client that starts it.
AEAD := crypto_aead_xchacha20poly1305_ietf
$B/unsealed/felloed: $(DAEMON_O) $B/tests/unsealed/unsealed.o $B/libproto.a $B/felloe
	@mkdir -p $(@D); echo "  LINK  $@"
	$Q$(CC) $(ALLLDFLAGS) -Wl,--wrap=$(AEAD)_encrypt,--wrap=$(AEAD)_decrypt,--wrap=seal_text,--wrap=seal_tag,--wrap=seal_open -o $@ $(filter %.o %.a,$^) $(DAEMON_LIBS)
	$Qcp $B/felloe $(@D)/felloe

# The client library: what it needs of proto is linked in, and only felloe_… is visible from outside.
lib: $B/libfelloe.a $B/libfelloe.so  ## build the client library, build/libfelloe.a and .so
$B/libfelloe.a: $(LIB_O) $B/libproto.a
	@echo "  AR    $@"
	$Q ld -r -o $B/libfelloe.o $(LIB_O) $B/libproto.a
	$Q objcopy --wildcard --keep-global-symbol='felloe_*' $B/libfelloe.o
	$Q rm -f $@; ar rcs $@ $B/libfelloe.o
$B/libfelloe.so: $B/libfelloe.a client/lib/felloe.map
	@echo "  LINK  $@"
	$Q$(CC) -shared -Wl,-soname,libfelloe.so.$(SOVERSION),--version-script,client/lib/felloe.map,-z,relro,-z,now,-z,defs $(SANITIZE) $(LDFLAGS) -o $@ \
	    $B/libfelloe.o $(PROTO_LIBS)

# ---- tests -----------------------------------------------------------------------------------------------------------

# Unit tests of proto link with proto alone: that it does no I/O is proven by the link line.
$B/tests/test_%: $B/tests/unit/test_%.o $(TESTLIB_O) $B/libproto.a
	@mkdir -p $(@D); echo "  LINK  $@"
	$Q$(CC) $(ALLLDFLAGS) -o $@ $< $(TESTLIB_O) $B/libproto.a $(PROTO_LIBS) $(TEST_LIBS)
# Those that need the daemon's or the client's modules are called test_daemon_… and test_client_….
$B/tests/test_daemon_%: $B/tests/unit/test_daemon_%.o $(filter-out $B/daemon/main.o,$(DAEMON_O)) $(TESTLIB_O) $B/libproto.a
	@mkdir -p $(@D); echo "  LINK  $@"
	$Q$(CC) $(ALLLDFLAGS) -o $@ $^ $(DAEMON_LIBS) $(TEST_LIBS)
$B/tests/test_client_%: $B/tests/unit/test_client_%.o $(filter-out $B/client/main.o,$(CLIENT_O)) $(TESTLIB_O) $B/libproto.a
	@mkdir -p $(@D); echo "  LINK  $@"
	$Q$(CC) $(ALLLDFLAGS) -o $@ $^ $(CLIENT_LIBS) $(TEST_LIBS)
# The simulator drives the same objects of proto as the daemon.
$B/tests/test_sim%: $B/tests/sim/test_sim%.o $(SIM_O) $(TESTLIB_O) $B/libproto.a
	@mkdir -p $(@D); echo "  LINK  $@"
	$Q$(CC) $(ALLLDFLAGS) -o $@ $^ $(PROTO_LIBS) $(TEST_LIBS)
$B/felloe-sim: $B/tests/sim/main.o $(SIM_O) $(TESTLIB_O) $B/libproto.a
	@echo "  LINK  $@"
	$Q$(CC) $(ALLLDFLAGS) -o $@ $^ $(PROTO_LIBS)
# A fuzz target, with a main that replays its seeds and a number of mutations of them; `make fuzz` is libFuzzer's turn.
$B/tests/fuzz_%: $B/tests/fuzz/fuzz_%.o $B/tests/fuzz/replay_main.o $B/libproto.a
	@mkdir -p $(@D); echo "  LINK  $@"
	$Q$(CC) $(ALLLDFLAGS) -o $@ $^ $(PROTO_LIBS)
# Decoders of the daemon and of the client: fuzz_daemon_… and fuzz_client_….
$B/tests/fuzz_daemon_%: $B/tests/fuzz/fuzz_daemon_%.o $B/tests/fuzz/replay_main.o $(filter-out $B/daemon/main.o,$(DAEMON_O)) $B/libproto.a
	@mkdir -p $(@D); echo "  LINK  $@"
	$Q$(CC) $(ALLLDFLAGS) -o $@ $^ $(DAEMON_LIBS)
$B/tests/fuzz_client_%: $B/tests/fuzz/fuzz_client_%.o $B/tests/fuzz/replay_main.o $(filter-out $B/client/main.o,$(CLIENT_O)) $B/libproto.a
	@mkdir -p $(@D); echo "  LINK  $@"
	$Q$(CC) $(ALLLDFLAGS) -o $@ $^ $(CLIENT_LIBS)
# Bad networks and those who come by them: a proxy, a fleet of laptops, strangers, a liar.
$B/tests/net/%: $B/tests/net/%.o $B/tests/net/way.o $B/tests/net/laptop.o $B/tests/net/curve.o $B/libproto.a
	@echo "  LINK  $@"
	$Q$(CC) $(ALLLDFLAGS) -o $@ $^ $(DAEMON_LIBS)
# Preloaded into a daemon: one each for a wrong clock, a disk that is recorded, a disk that fails.
$B/%.so: tests/preload/%.c tests/preload/files.h tests/power/trace.h $B/.flags
	@echo "  LINK  $@"
	$Q$(CC) $(CPPFLAGS) $(CSTD) -O2 $(WARN) -Wno-pedantic -fPIC -shared -o $@ $<

# Disks after a power cut, opened by the daemon's own objects.
$B/felloe-power: $(POWER_O) $(filter-out $B/daemon/main.o,$(DAEMON_O)) $B/libproto.a
	@echo "  LINK  $@"
	$Q$(CC) $(ALLLDFLAGS) -o $@ $^ $(DAEMON_LIBS)

# A client of NATS, to measure that beside Felloe.
$B/felloe-nats: $B/tests/bench/peers/nats.o
	@echo "  LINK  $@"
	$Q$(CC) $(ALLLDFLAGS) -o $@ $^
# What is measured, and the bare limits that it is measured against.
$B/felloe-bench: $(BENCH_O) $B/tests/net/laptop.o $(filter-out %/main.o,$(POWER_O)) $(LIB_O) $(filter-out $B/daemon/main.o,$(DAEMON_O)) $B/libproto.a | $B/faster.so
	@echo "  LINK  $@"
	$Q$(CC) $(ALLLDFLAGS) -o $@ $^ $(DAEMON_LIBS) $(shell $(PKG_CONFIG) --libs jansson)

TEST_PROGRAMS := $(UNIT) $(SIM) $(FUZZ) $(NET) $(PRELOAD) $B/felloe-power $B/felloed-older $B/felloed-lying $B/felloe-bench $B/felloe-nats
# A recursive make: only after `make deps` can this file ask pkg-config, and the jobs run beside each other.
SUBMAKE = +$Q$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null || echo 2))

test:  ## install what is missing, build, run every test; ends with "N passed, N failed"
	+@$(MAKE) -s --no-print-directory deps
	$(SUBMAKE) B=$B test-programs
	@SIM_COMMIT="$(COMMIT)" B=$B tests/run $(TESTS)
test-programs: all lib $(GENERATOR) $(TEST_PROGRAMS)
unit: $(UNIT) $(SIM)  ## build and run the unit tests alone
	@SIM_COMMIT="$(COMMIT)" B=$B tests/run unit
sim: $B/felloe-sim  ## the simulator: SEEDS=N (1000) from FROM=S on, or one SEED=S with TRACE=LINES of what happened
	$QSIM_COMMIT="$(COMMIT)" $B/felloe-sim $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),1000) --from $(or $(FROM),1)) --trace $(or $(TRACE),60)
power: test-programs  ## power cuts: IMAGES=N (2000) disks that one could have left, SEED=S
	@B=$B tests/power/run $(or $(IMAGES),2000) $(SEED)
demo:  ## install what is missing, build, show one hub and four laptops at work (KEEP=1: leave them running)
	+@$(MAKE) -s --no-print-directory deps
	$(SUBMAKE) B=$B all $(GENERATOR)
	@B=$B KEEP=$(KEEP) tests/demo.sh

bench:  ## how fast it is, each figure beside its limit (FIGURES="…" ROUNDS=3 EVENTS=100000); JSON lines in build/bench.jsonl
	+@$(MAKE) -s --no-print-directory deps
	$(SUBMAKE) B=$B all $(GENERATOR) $B/felloe-bench $B/tests/net/proxy
	@B=$B ROUNDS=$(ROUNDS) EVENTS=$(EVENTS) tests/bench/run $(FIGURES)
bench-check: all $(GENERATOR) $B/felloe-bench $B/tests/net/proxy  ## measures again what was kept (tests/bench/kept.json), names what fell by more than a fifth
	@B=$B ROUNDS=$(ROUNDS) tests/bench/check run
bench-keep:  ## keeps the ratios of the last `make bench` for bench-check
	@B=$B tests/bench/check keep
bench-trend:  ## figures over the size of the record (SIZES="10000 100000 1000000" FIGURES="…" ROUNDS=1); build/trend.jsonl
	+@$(MAKE) -s --no-print-directory deps
	$(SUBMAKE) B=$B all $(GENERATOR) $B/felloe-bench $B/tests/net/proxy
	@B=$B SIZES="$(or $(SIZES),10000 100000 1000000)" $(if $(ROUNDS),ROUNDS=$(ROUNDS)) $(if $(FIGURES),FIGURES="$(FIGURES)") tests/bench/trend
bench-stages: all $(GENERATOR) $B/felloe-bench  ## where the time of an event goes, ns by stage (EVENTS=20000); build/stages.jsonl
	@B=$B EVENTS=$(EVENTS) tests/bench/stages
bench-peers:  ## the same work by NATS, Redis, PostgreSQL and PouchDB beside it (PEERS="…" ROUNDS=3 EVENTS=200000); build/peers.jsonl
	+@$(MAKE) -s --no-print-directory deps EXTRA="nats-server redis-server redis-tools postgresql-15 postgresql-client-15"
	$(SUBMAKE) B=$B all $B/felloe-bench $B/felloe-nats $(if $(shell command -v npm),$B/peers-pouchdb/package.json)
	@B=$B ROUNDS=$(ROUNDS) EVENTS=$(EVENTS) tests/bench/peers/run $(PEERS)
# Without the modules' own install scripts: what LevelDB needs is in its package.
$B/peers-pouchdb/package.json: tests/bench/peers/package.json
	@mkdir -p $(@D); echo "  NPM   $(@D)"
	-$Qcp $< $@ && npm install --prefix $(@D) --ignore-scripts --no-package-lock --no-audit --no-fund --silent || rm -f $@
bench-tables:  ## what the last runs measured, as tables of README.md (between its marks)
	@B=$B tests/bench/tables write
bench-sealing: all $(GENERATOR) $B/unsealed/felloed  ## what sealing costs, against a build without: ROUNDS (5), EVENTS (20000)
	@B=$B ROUNDS=$(ROUNDS) EVENTS=$(EVENTS) tests/unsealed/run
fleet: all $B/tests/net/fleet  ## LAPTOPS (1000) laptops that reconnect to one hub at once, with 100 events each
	@B=$B LAPTOPS=$(or $(LAPTOPS),1000) tests/e2e/fleet.sh

# ---- checks for those who work on it ---------------------------------------------------------------------------------

asan:  ## unit, fuzz and short end-to-end tests under the address and undefined-behaviour sanitizers
	$(SUBMAKE) B=$B/asan OPT="-O1 -g -fno-omit-frame-pointer" \
	    SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=undefined" test-programs
	@B=$B/asan tests/run unit fuzz short
tsan:  ## the daemon's unit tests and short end-to-end tests under the thread sanitizer
	$(SUBMAKE) B=$B/tsan OPT="-O1 -g -fno-omit-frame-pointer" SANITIZE="-fsanitize=thread" test-programs
	@B=$B/tsan TSAN_OPTIONS="suppressions=$(CURDIR)/tests/tsan.supp $(TSAN_OPTIONS)" tests/run daemon short
fuzz:  ## libFuzzer over every fuzz target, FUZZ_SECONDS (20) each
	+@$(MAKE) -s --no-print-directory deps EXTRA="clang libclang-rt-14-dev"
	$(SUBMAKE) B=$B $(FUZZ)
	$(SUBMAKE) B=$B/libfuzzer CC=clang OPT="-O1 -g" SANITIZE="-fsanitize=fuzzer-no-link,address,undefined" libfuzzer
	$Qset -e; for f in $(notdir $(FUZZ)); do corpus=$B/libfuzzer/corpus/$$f; mkdir -p $$corpus; $B/tests/$$f -w $$corpus; \
	    $B/libfuzzer/$$f -max_total_time=$(or $(FUZZ_SECONDS),20) -max_len=70000 -print_final_stats=1 \
	        -artifact_prefix=$B/libfuzzer/ $$corpus >$B/libfuzzer/$$f.log 2>&1 || { tail -40 $B/libfuzzer/$$f.log; exit 1; }; \
	    sed -n "s/^stat::number_of_executed_units: */  $$f: inputs /p" $B/libfuzzer/$$f.log; done
libfuzzer: $(FUZZ:$B/tests/%=$B/%)
$B/fuzz_%: $B/tests/fuzz/fuzz_%.o $B/libproto.a
	@echo "  LINK  $@"
	$Q$(CC) -fsanitize=fuzzer,address,undefined -o $@ $^ $(PROTO_LIBS)
$B/fuzz_daemon_%: $B/tests/fuzz/fuzz_daemon_%.o $(filter-out $B/daemon/main.o,$(DAEMON_O)) $B/libproto.a
	@echo "  LINK  $@"
	$Q$(CC) -fsanitize=fuzzer,address,undefined -o $@ $^ $(DAEMON_LIBS)
$B/fuzz_client_%: $B/tests/fuzz/fuzz_client_%.o $(filter-out $B/client/main.o,$(CLIENT_O)) $B/libproto.a
	@echo "  LINK  $@"
	$Q$(CC) -fsanitize=fuzzer,address,undefined -o $@ $^ $(CLIENT_LIBS)
format:  ## clang-format over FILES (default: the .c files changed since the last commit)
	+@$(MAKE) -s --no-print-directory deps EXTRA=clang-format
	$Qclang-format -i $(or $(FILES),$$(git diff --name-only --diff-filter=d HEAD -- '*.c') /dev/null)
tidy: compile_commands.json  ## clang-tidy over every C file of the product
	+@$(MAKE) -s --no-print-directory deps EXTRA=clang-tidy
	$Qprintf '%s\n' $(filter-out tests/%,$(filter %.c,$(SOURCES))) | xargs -P$$(nproc) -n1 clang-tidy --quiet -p . 2>/dev/null
compile_commands.json: FORCE  ## for clangd and other tools
	$Q{ sep='['; for f in $(filter %.c,$(SOURCES)); do printf '%s\n{"directory":"%s","file":"%s","command":"%s"}' \
	    "$$sep" "$(CURDIR)" "$$f" "clang $(CPPFLAGS) $(PKG_CFLAGS) $(CSTD) $(filter-out $(WERROR),$(WARN)) -c $$f"; \
	    sep=,; done; echo; echo ']'; } >$@

types: $B/felloe  ## write proto/TYPES.md, the reference page of types, from the catalogue
	$Q$B/felloe types --markdown >$B/TYPES.md && cp $B/TYPES.md proto/TYPES.md

# ---- dependencies ----------------------------------------------------------------------------------------------------

DEBS := gcc libc6-dev binutils pkg-config libuv1-dev libzmq3-dev liblmdb-dev libmsgpack-dev libsodium-dev libinih-dev \
        libsystemd-dev libjansson-dev libcmocka-dev jq $(if $(CLANG),clang) $(EXTRA)
deps:  ## install what the build and the tests need (Debian packages, through apt-get)
	$Qif command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then \
	    missing=; for p in $(DEBS); do \
	        [ "$$(dpkg-query -W -f '$${db:Status-Status}' $$p 2>/dev/null)" = installed ] || missing="$$missing $$p"; \
	    done; \
	    [ -z "$$missing" ] && exit 0; \
	    echo "  DEPS $$missing"; sudo=; \
	    if [ "$$(id -u)" != 0 ]; then sudo=sudo; command -v sudo >/dev/null || { \
	        echo "make deps: not root, and there is no sudo. As root, run: apt-get install$$missing" >&2; exit 1; }; fi; \
	    $$sudo apt-get -qq update && \
	    $$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 install --no-install-recommends \
	        $$missing >/dev/null || { \
	        echo "make deps: apt-get could not install:$$missing (Felloe is built and tested on Debian 12)" >&2; exit 1; }; \
	elif ! { command -v $(firstword $(CC)) && command -v jq && $(PKG_CONFIG) --exists $(PROTO_PKGS) $(DAEMON_PKGS) $(CLIENT_PKGS) cmocka; } \
	    >/dev/null 2>&1; then \
	    echo "make deps: this is not a Debian system; install a C compiler, pkg-config, jq, and the development files of" >&2; \
	    echo "  libuv, libzmq (with CURVE), lmdb, msgpack-c, libsodium, inih, libsystemd, jansson, cmocka" >&2; \
	    exit 1; fi

# ---- installing ------------------------------------------------------------------------------------------------------

install: all lib  ## install programs, library, headers, systemd units (PREFIX=/usr/local, DESTDIR)
	$Qinstall -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(PREFIX)/include/felloe
	$Qinstall -m 755 $B/felloed $B/felloe $(DESTDIR)$(PREFIX)/bin
	$Qinstall -m 644 include/felloe/*.h $(DESTDIR)$(PREFIX)/include/felloe
	$Qinstall -m 644 $B/libfelloe.a $(DESTDIR)$(LIBDIR)
	$Qinstall -m 755 $B/libfelloe.so $(DESTDIR)$(LIBDIR)/libfelloe.so.$(VERSION)
	$Qln -sf libfelloe.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libfelloe.so.$(SOVERSION)
	$Qln -sf libfelloe.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libfelloe.so
	$Qprintf '%s\n' 'prefix=$(PREFIX)' 'libdir=$(LIBDIR)' 'includedir=$${prefix}/include' '' 'Name: felloe' \
	    'Description: Speak to the Felloe daemon of a directory' 'Version: $(VERSION)' 'Libs: -L$${libdir} -lfelloe' \
	    'Cflags: -I$${includedir}' >$(DESTDIR)$(LIBDIR)/pkgconfig/felloe.pc
	$Qinstall -d $(DESTDIR)$(UNITDIR)/system $(DESTDIR)$(UNITDIR)/user $(DESTDIR)$(PREFIX)/lib/sysusers.d $(DESTDIR)$(DOCDIR)
	$Qfor unit in system/felloed-hub system/felloed user/felloed; do \
	    sed -e 's#@BINDIR@#$(PREFIX)/bin#g; s#@DOCDIR@#$(DOCDIR)#g' "daemon/units/$${unit#system/}.service" \
	        >"$(DESTDIR)$(UNITDIR)/$$unit.service"; chmod 644 "$(DESTDIR)$(UNITDIR)/$$unit.service"; done
	$Qinstall -m 644 daemon/units/felloe.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/felloe.conf
	$Qinstall -m 644 README.md LICENSE $(DESTDIR)$(DOCDIR)
	@echo "  INSTALLED into $(DESTDIR)$(PREFIX)"

clean:  ## remove the build directory
	$Qrm -rf $B compile_commands.json
help:  ## list these targets
	@echo 'make TARGET [CC=clang] [V=1] [B=build] [PREFIX=/usr/local] [DESTDIR=]'
	@sed -n 's/^\([a-z_.-]*\):[^#]*  ## \(.*\)/\1	\2/p' Makefile | awk -F '\t' '{ printf "  %-24s%s\n", $$1, $$2 }'

.PHONY: all lib types test test-programs unit sim fleet bench bench-check bench-keep bench-trend bench-stages bench-peers bench-tables bench-sealing power demo asan tsan fuzz libfuzzer format tidy deps install clean help FORCE
.SECONDARY:
.DELETE_ON_ERROR:
-include $(shell find $B -name '*.d' -not -path '$B/?san/*' -not -path '$B/libfuzzer/*' 2>/dev/null)
