#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# For end-to-end tests of hubs and laptops that were set back, lost or copied: what has to hold afterwards. Source it after
# e2e.sh.
#
#   positions NAME            "site position id" of every entry that the hub has given a position, one a line
#   remember NAME FILE        keeps them
#   survived FILE NAME…       every entry of FILE is there, where it was
#   once NAME…                no entry is there twice: neither its bytes nor, written again, its words
#   whole TEXT HUB LAPTOP…    all of it, in words; digests are equal, everything verifies, and it works on

positions() { at "$1" log --json | jq -r 'select(.position) | "\(.site) \(.position) \(.id)"' | sort; }
remember() { positions "$1" >"$work/$2"; }
survived() {
    local before=$work/$1 name sites
    shift
    for name; do
        positions "$name" >"$work/positions.now" || return 1
        sites=$(at "$name" status --json | jq -r '[.sites[].site] | join("|")')
        grep -E "^($sites) " "$before" | comm -23 - "$work/positions.now" >"$work/positions.lost"
        [ -s "$work/positions.lost" ] && echo "not at $name: $(wc -l <"$work/positions.lost")" &&
            head -3 "$work/positions.lost" && return 1
    done
    return 0
}
notes() { at "$1" log --json | jq -r 'select(.type == "note.added") | .data.text' | sort; }
once() {
    local name
    for name; do
        at "$name" log --json >"$work/once.log" || return 1
        jq -r .id "$work/once.log" | sort | uniq -d >"$work/doubled"
        jq -cS '[.site, .time, .type, .subject, .worker, .data]' "$work/once.log" | sort | uniq -d >>"$work/doubled"
        [ -s "$work/doubled" ] && { sed "s/^/doubled at $name: /" "$work/doubled" | head -5; return 1; }
    done
    return 0
}
# Who has read a note that was written somewhere just now?
has_note() { [ "$(notes "$1" | grep -cxF "$2")" = 1 ]; }
whole() {
    local text=$1 hub=$2 name
    shift 2
    check "$text: all laptops and the hub are the same" wait_until 40 converged "$hub" "$@"
    check "$text: nothing is there twice" once "$hub" "$@"
    for name in "$hub" "$@"; do check "$text: verify on $name" verified "$name"; done
    for name; do at "$name" note Jo "$text, $name goes on" >/dev/null || fail "$text: $name records"; done
    check "$text: what each writes next reaches all" wait_until 30 converged "$hub" "$@"
    for name; do check "$text: $name's next words are at the hub" has_note "$hub" "$text, $name goes on"; done
}
