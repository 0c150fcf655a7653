#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 1,000 marked strings are recorded on a laptop with a passphrase (names, first words, notes, tasks, worries, restricted
# notes), looked at, searched, exported. Locked, none of them is in any file of its directory, in what it told the journal,
# or in its memory, which is looked through as a core file would be; nor in the client's memory at its end. That the search
# would find them is shown on the unlocked daemon.
# timeout: 180
. "$(dirname "$0")/../lib/e2e.sh"

grep -q -- -fsanitize "$B/.flags" && { skip "a preloaded library cannot look into memory under sanitizers"; finish; }
mark=Q$(od -An -N5 -tx1 /dev/urandom | tr -d ' \n')Z
pass='seven grey herons'
hub_new hub salford
start hub || exit 1
laptop_new ben hub ben salford
start ben || exit 1
ticket=$(invite hub amy salford)
check "a laptop with a passphrase" eval 'at amy join "$ticket" --unlock passphrase --passphrase-fd 3 >/dev/null 3<<<"$pass"'
export FELLOE_IMAGE=$work/image
prefix="env LD_PRELOAD=$B/image.so" start amy || exit 1
unset FELLOE_IMAGE
at amy unlock --passphrase-fd 3 3<<<"$pass" >/dev/null

# ---- 1,000 strings ----
line() { # TYPE SUBJECT FIELDS NUMBER
    printf '{"specversion":"1.0","id":"%s-%s","source":"/canaries","type":"%s",%s"time":"2026-01-05T10:00:00Z","data":{%s}}\n' \
        "$1" "$4" "$1" "${2:+\"subject\":\"$2\",}" "$3"
}
word() { printf '%s%04d' "$mark" "$1"; }
for i in {1..100}; do
    line person.introduced "$(word "$i")" "\"known_as\":\"$(word "$i")\",\"source\":\"B1\",\"own_words\":\"$(word $((i + 100))) first words\"" "$i"
done >"$work/in.jsonl"
for i in {201..600}; do
    line note.added "$(word $((i % 100 + 1)))" "\"text\":\"said that $(word "$i") was on their mind\"" "$i"
done >>"$work/in.jsonl"
for i in {601..800}; do
    line task.raised "$(word $((i % 100 + 1)))" "\"what\":\"ring $(word "$i") back\"" "$i"
done >>"$work/in.jsonl"
for i in {801..900}; do line worry.shared "" "\"text\":\"$(word "$i") keeps me awake\"" "$i"; done >>"$work/in.jsonl"
for i in {901..1000}; do
    line note.added "$(word $((i % 100 + 1)))" "\"text\":\"for two: $(word "$i")\",\"audience\":[\"ben\"]" "$i"
done >>"$work/in.jsonl"
check_exit 0 "recording them" at amy import "$work/in.jsonl"
person=$(at amy log --json | jq -r 'select(.type == "person.introduced") | .subject' | head -1)
check "a person's id" test "${#person}" = 32
one=$(word 1)
for words in "caseload" "show $person" "search $mark" "front-door" "task list" "before-you-call $person" "log" "news" \
    "export $work/out.jsonl" "to-settle"; do
    # shellcheck disable=SC2086
    at amy $words >"$work/seen" 2>/dev/null
done
check_equal "an export has all of them" 1000 "$(grep -o "$mark[0-9]\{4\}" "$work/out.jsonl" | sort -u | grep -c .)"
check "they are shared" wait_until 60 converged hub amy ben

# ---- the unlocked daemon: the scanner finds them ----
image() { # of amy's daemon, into $work/image
    rm -f "$work/image"
    kill -USR2 "${pid[amy]}"
    wait_until 20 test -e "$work/image"
}
found() { { grep -aoE "$mark[0-9]{4}" "$@" || true; } | sort -u | grep -c .; }
at amy log --json >/dev/null
check "an image of the unlocked daemon can be taken" image
some=$(found -h "$work/image")
check "and holds marked strings ($some of 1000): the search finds what is there" test "$some" -gt 100

# ---- the client's memory at its end ----
# (Bound now: the linker would lay what the processor's registers hold at that moment on the stack.)
end_image() {
    rm -f "$work/left"
    FELLOE_IMAGE=$work/left FELLOE_IMAGE_AT_EXIT=1 LD_BIND_NOW=1 LD_PRELOAD=$B/image.so at amy "$@" >"$work/seen" 2>&1
}
for words in "show $person" "front-door" "log" "log --json" "task list --json" "before-you-call $person" "news" "search $mark --json" \
    "search $mark" "show $one --json" "show $one" "note $one again-$mark"0001 "status" "nonsense $mark"0001 "show $mark"; do
    # shellcheck disable=SC2086
    end_image $words
    shown=$(found -h "$work/seen")
    check "felloe ${words//$mark/MARK} showed $shown; its memory at its end holds none" \
        eval 'test -s "$work/left" && ! grep -qaF "$mark" "$work/left"'
done
rm -f "$work/left" "$work/seen"

# ---- locked ----
check "locking" at amy lock
check "an image of the locked daemon can be taken" image
check "it is one (the hub's address is in it)" grep -qaF "127.0.0.1:${port[hub]}" "$work/image"
check_equal "and holds none of them" 0 "$(found -h "$work/image")"
check "nor the mark alone" not grep -qaF "$mark" "$work/image"
check "nor the passphrase" not grep -qaF "$pass" "$work/image"
check_equal "no file of the directory does" "" "$(grep -rlaF "$mark" "$work/amy")"
check_equal "nor what the daemon told the journal" "" "$(grep -lF "$mark" "$work"/*.log)"
check_equal "nor the passphrase, in any file" "" "$(grep -rlaF "$pass" "$work/amy" "$work"/*.log)"
at amy status >/dev/null
at amy verify >/dev/null
check "after it received, verified and told its status:" image
check_equal "none" 0 "$(found -h "$work/image")"
check "no core file can be written of it" test "$(awk '/^Max core file size/ { print $5 }' "/proc/${pid[amy]}/limits")" = 0

# ---- locked by the end of the daemon, too ----
end_image unlock --passphrase-fd 3 3<<<"$pass"
check "nor does the client keep the passphrase" eval 'test -s "$work/left" && ! grep -qaF "$pass" "$work/left"'
check "unlocked it shows them again" grep -q "$mark" <(at amy front-door)
kill_9 amy
check_equal "killed while it was open: no file has any of them" "" "$(grep -rlaF "$mark" "$work/amy")"
finish
