#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Tests tests/tidy itself: a small clean tree passes, and one deliberate violation of each rule is found where it is.
set -u
cd "$(dirname "$0")/.." || exit 1
tree=$(mktemp -d "${TMPDIR:-/tmp}/felloe-tidy.XXXXXX")
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{include/felloe,proto,daemon,client/lib,tests/unit,tests/e2e,.ci}
head='/* SPDX-License-Identifier: Apache-2.0 */
/* A file that is here to be checked. */'
failed=0

put() { # put FILE BODY: a file with the usual head
    mkdir -p "$tree/$(dirname "$1")"
    printf '%s\n%s\n' "$head" "$2" >"$tree/$1"
}
outcome() { # outcome ok|FAIL TEXT
    echo "$1 $2"
    [ "$1" = ok ] || failed=1
}

put proto/clean.h '#ifndef FELLOE_PROTO_CLEAN_H
#define FELLOE_PROTO_CLEAN_H
#include <stdint.h>
uint32_t clean(uint32_t n);
#endif'
put proto/clean.c '#include "proto/clean.h"

/* Neither a call of time() in a comment nor "sprintf(" in a string is one. */
static const char *const word = "sprintf(abort())";

uint32_t clean(uint32_t n)
{
    return n + (uint32_t)word[0];
}'
put tests/unit/test_clean.c '#include "proto/clean.h"'
if B=none tests/tidy "$tree" >"$tree/out" 2>&1 && ! grep -q '^FAIL' "$tree/out"; then
    outcome ok "a clean tree passes all $(grep -c '^ok' "$tree/out") rules"
else
    outcome FAIL "a clean tree passes"
    cat "$tree/out"
fi

# Every violation at once; each has to be listed under its own rule. RULE (its beginning) | FILE to be named | BODY
cases=(
    'proto includes only|proto/clock.c|#include <time.h>'
    'proto includes only|proto/sock.c|#include <sys/socket.h>'
    'proto does no I/O|proto/print.c|static void p(void) { printf("x"); }'
    'proto does no I/O|proto/threads.c|static void p(void) { pthread_create(0, 0, 0, 0); }'
    'proto does no I/O|proto/chance.c|static void p(char *c) { randombytes_buf(c, 1); }'
    'proto has no mutable globals|proto/state.c|static int counter = 0;'
    'lmdb.h only|daemon/other.c|#include <lmdb.h>'
    'zmq.h only|daemon/wire.c|#include <zmq.h>'
    'uv.h only|daemon/views/projector.c|#include <uv.h>'
    'the daemon never includes the client|daemon/mixed.c|#include "client/output.h"'
    'the client never includes the daemon|client/mixed.c|#include "daemon/config.h"'
    'public headers include only|include/felloe/wide.h|#include "proto/event/event.h"'
    'headers of the daemon include no library|daemon/heavy.h|#include <uv.h>'
    'every header is included|daemon/lonely.h|'
    'every header has a guard|daemon/bare.h|'
    'no banned calls|client/copy.c|static void p(char *a, const char *b) { strcpy(a, b); }'
    'no banned calls|daemon/shell.c|static void p(void) { system("ls"); }'
    'no abort outside of tests|daemon/give_up.c|static void p(void) { abort(); }'
    'only main exits|daemon/leave.c|static void p(void) { exit(1); }'
    'no test sleeps|tests/unit/test_nap.c|static void p(void) { usleep(10); }'
    "LMDB's durability|daemon/fast.c|static int f = MDB_NOSYNC;"
    "LMDB's durability|daemon/event_log.c|static int f = STORE_DERIVED;"
    'nothing is left for later|client/later.c|/* TO''DO: more */'
    'no path of one machine|client/mine.c|static const char *p = "/ho''me/someone/x";'
    'every file of proto has a unit test|proto/untested.c|'
)
for c in "${cases[@]}"; do
    IFS='|' read -r rule file body <<<"$c"
    put "$file" "$body"
done
{ printf '%s\nint long_one(void)\n{\n' "$head"; yes '    ;' | head -90; printf '}\n'; } >"$tree/client/function.c"
{ printf '%s\n' "$head"; yes '' | head -600; } >"$tree/client/file.c"
printf '%s\nint %0121d;\n' "$head" 0 >"$tree/client/wide.c"
printf '%s\nint\ttab;\n' "$head" >"$tree/client/tab.c"
printf 'int licence;\n' >"$tree/client/licence.c"
printf '/* SPDX-License-Identifier: Apache-2.0 */\nint purpose;\n' >"$tree/client/purpose.c"
printf '#!/bin/bash\n# SPDX-License-Identifier: Apache-2.0\n# Waits a while for nothing.\nsleep 5\n' >"$tree/tests/e2e/nap.sh"
cases+=(
    'functions have at most|client/function.c|'
    'files have at most|client/file.c|'
    'lines have at most|client/wide.c|'
    'lines have at most|client/tab.c|'
    'every file starts with|client/licence.c|'
    'every file starts with|client/purpose.c|'
    'no test sleeps|tests/e2e/nap.sh|'
)
B=none tests/tidy "$tree" >"$tree/out" 2>&1 && outcome FAIL "tidy says so with its exit code"
for c in "${cases[@]}"; do
    IFS='|' read -r rule file body <<<"$c"
    if awk -v rule="FAIL $rule" -v file="$file" '
        /^(ok|FAIL) / { inside = index($0, rule) == 1 }
        inside && index($0, file) { found = 1 }
        END { exit !found }' "$tree/out"; then
        outcome ok "$rule: $file is found"
    else
        outcome FAIL "$rule: $file is found"
    fi
done
[ $failed = 0 ] || cat "$tree/out"
exit $failed
