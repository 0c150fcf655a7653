#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make install into a DESTDIR: the programs run from there, and a program of one's own builds with felloe.pc.
# timeout: 120
. "$(dirname "$0")/../lib/e2e.sh"
cd "$root" || exit 1
grep -q -- -fsanitize "$B/.flags" && skip "what is installed is not built with sanitizers" && finish

usr=/usr
# What the tests run is installed as it is: linking it again would take it from under the other tests.
check "make install" make -s --no-print-directory install B="$B" DESTDIR="$work/root" PREFIX="$usr" \
    -o "$B/felloed" -o "$B/felloe" -o "$B/libfelloe.a" -o "$B/libfelloe.so"
for f in bin/felloed bin/felloe lib/libfelloe.a lib/libfelloe.so include/felloe/client.h include/felloe/error.h \
    lib/pkgconfig/felloe.pc lib/systemd/system/felloed-hub.service lib/systemd/system/felloed.service \
    lib/systemd/user/felloed.service lib/sysusers.d/felloe.conf share/doc/felloe/README.md; do
    check "/usr/$f is there" test -s "$work/root/usr/$f"
done
check_equal "the units start what was installed" 3 \
    "$(find "$work/root/usr/lib/systemd" -name '*.service' -exec cat {} + | grep -c "^ExecStart=$usr/bin/felloed --dir ")"
check "and nothing in them is left to fill in" not grep -rq '@[A-Z]*@' "$work/root/usr/lib/systemd"
check "the installed client runs" "$work/root/usr/bin/felloe" help
check "the installed daemon runs" "$work/root/usr/bin/felloed" --help

exported=$(nm -D --defined-only "$work/root/usr/lib/libfelloe.so" | awk '$2 ~ /[A-Z]/ && $3 !~ /^felloe_/ { print $3 }')
check_equal "the shared library exports felloe_… only" "" "$exported"
global=$(nm --defined-only -g "$work/root/usr/lib/libfelloe.a" | awk 'NF == 3 && $3 !~ /^felloe_/ { print $3 }')
check_equal "and so does the archive" "" "$global"
declared=$(cat include/felloe/*.h | grep -oE '\bfelloe_[a-z_]+\(' | tr -d '(' | sort -u)
offered=$(nm -D --defined-only "$work/root/usr/lib/libfelloe.so" | awk '{ print $3 }' | sort -u)
check_equal "every function of the headers is there" "" "$(comm -23 <(echo "$declared") <(echo "$offered"))"

cat >"$work/tiny.c" <<'END'
#include <felloe/client.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    struct felloe_client *client;
    struct felloe_error error;
    if (argc != 2 || felloe_connect(argv[1], &client, &error) != FELLOE_OK) {
        printf("%s: %s\n", felloe_code_name(error.code), error.message);
        return error.code;
    }
    struct felloe_draft draft = {.type = "person.introduced", .person = "@new"};
    struct felloe_field field = {"source", "Q1"};
    struct felloe_saved saved;
    draft.fields = &field;
    draft.field_count = 1;
    enum felloe_code code = felloe_append(client, &draft, 1, false, &saved, &error);
    printf("%s %s %s\n", felloe_code_name(code), saved.id, saved.person);
    felloe_close(client);
    return code;
}
END
export PKG_CONFIG_PATH=$work/root/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$work/root
CC=${CC:-gcc}
# shellcheck disable=SC2046,SC2086
check "a small program builds against the shared library" \
    $CC -Wall -Wextra -Werror -o "$work/tiny" "$work/tiny.c" $(pkg-config --cflags --libs felloe)
# shellcheck disable=SC2046,SC2086
check "and against the archive" \
    $CC -Wall -Wextra -Werror -o "$work/tiny_static" "$work/tiny.c" $(pkg-config --cflags felloe) \
    "$work/root/usr/lib/libfelloe.a" $(pkg-config --libs-only-l --static felloe | sed 's/-lfelloe//')
export LD_LIBRARY_PATH=$work/root/usr/lib
check_exit_out() { [ "$("$@" | cut -d: -f1)" = no-daemon ]; }
check "without a daemon it says so" check_exit_out "$work/tiny" "$work/nothing"

hub_new hub salford
start hub || exit 1
laptop_new l1 hub amy salford
start l1 || exit 1
answer=$("$work/tiny" "$work/l1")
check "it records: $answer" grep -qE '^ok [0-9a-f]{64} [0-9a-f]{32}$' <<<"$answer"
check "the archive's records, too" grep -qE '^ok ' <("$work/tiny_static" "$work/l1")
check "the daemon has it" grep -q "$(cut -d' ' -f2 <<<"$answer")" <(at l1 log --json)
finish
