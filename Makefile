# SPDX-License-Identifier: Apache-2.0
# Felloe's build: `make help` lists what there is.
CC ?= gcc
B := build
PREFIX ?= /usr/local
CSTD := -std=gnu17
WARN := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
HARDEN := -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fcf-protection \
          -ftrivial-auto-var-init=zero -fPIE
OPT ?= -O2 -g
CPPFLAGS += -I. -Iinclude -D_GNU_SOURCE
PROTO_PKGS := msgpack libsodium
DAEMON_PKGS := libuv libzmq lmdb inih libsystemd
CLIENT_PKGS := jansson smartcols
PC := pkg-config
ALLCFLAGS = $(CSTD) $(OPT) $(WARN) $(HARDEN) $(SANITIZE) $(CFLAGS) -MMD -MP
ALLLDFLAGS = -pie -Wl,-z,relro,-z,now $(SANITIZE) $(LDFLAGS)
Q := $(if $(V),,@)

PROTO_O := $(patsubst %.c,$B/%.o,$(wildcard proto/*.c))
DAEMON_O := $(patsubst %.c,$B/%.o,$(wildcard daemon/*.c))
CLIENT_O := $(patsubst %.c,$B/%.o,$(wildcard client/*.c client/*/*.c))
UNIT := $(patsubst tests/unit/%.c,$B/tests/%,$(wildcard tests/unit/test_*.c))
TESTLIB_O := $(patsubst %.c,$B/%.o,$(wildcard tests/lib/*.c))

all: $B/felloed $B/felloe

$B/felloed: $(DAEMON_O) $B/libproto.a
	@echo "  LINK  $@"
	$Q$(CC) $(ALLLDFLAGS) -o $@ $(DAEMON_O) $B/libproto.a $$($(PC) --libs $(PROTO_PKGS) $(DAEMON_PKGS)) -lpthread
$B/felloe: $(CLIENT_O) $B/libproto.a
	@echo "  LINK  $@"
	$Q$(CC) $(ALLLDFLAGS) -o $@ $(CLIENT_O) $B/libproto.a $$($(PC) --libs $(PROTO_PKGS) $(CLIENT_PKGS))
$B/libproto.a: $(PROTO_O)
	@echo "  AR    $@"
	$Q rm -f $@; ar rcs $@ $^
$B/%.o: %.c
	@mkdir -p $(@D); echo "  CC    $<"
	$Q$(CC) $(CPPFLAGS) $(ALLCFLAGS) -c -o $@ $<
# Unit tests of proto link with proto alone: that it does no I/O is proven by the link line.
$B/tests/test_%: $B/tests/unit/test_%.o $(TESTLIB_O) $B/libproto.a
	@echo "  LINK  $@"
	$Q$(CC) $(ALLLDFLAGS) -o $@ $< $(TESTLIB_O) $B/libproto.a $$($(PC) --libs $(PROTO_PKGS)) -lcmocka
# Those that need the daemon's modules are called test_daemon_….
$B/tests/test_daemon_%: $B/tests/unit/test_daemon_%.o $(filter-out $B/daemon/main.o,$(DAEMON_O)) $(TESTLIB_O) $B/libproto.a
	@echo "  LINK  $@"
	$Q$(CC) $(ALLLDFLAGS) -o $@ $^ $$($(PC) --libs $(PROTO_PKGS) $(DAEMON_PKGS)) -lcmocka -lpthread

unit: $(UNIT)
	$Qset -e; for t in $(UNIT); do $$t; done
clean:
	$Qrm -rf $B
.PHONY: all unit clean
.SECONDARY:
-include $(shell find $B -name '*.d' 2>/dev/null)
