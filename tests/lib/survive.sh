#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# For end-to-end tests of hubs and laptops that were set back, lost or copied: what has to hold afterwards. Source it after
# e2e.sh.
#
#   remember NAME FILE              keeps where each entry of that daemon is
#   whole TEXT FILE HUB LAPTOP…     everything of FILE is at each of them where it was, nothing is there twice, all of them
#                                   are the same and verify, and it works on: each laptop writes about Jo, and all get it
#   has_note NAME TEXT              it has that note, once
#   incarnation NAME                epochs NAME (in how many its entries are)

# What a daemon has, in $work/NAME.entries: site, position ("-" for none yet), id, and what it says.
take() {
    at "$1" log --json | jq -r '"\(.site) \(.position // "-") \(.id) \([.site, .time, .occurred, .type, .subject, .worker, .data] |
        tojson)"' >"$work/$1.entries"
}
places() { cut -d' ' -f1-3 "$work/$1.entries" | grep -v ' - ' | sort; }
remember() { take "$1" && places "$1" >"$work/$2"; }
survived() {
    local before=$work/$1 name=$2 sites
    places "$name" >"$work/places.now"
    sites=$(at "$name" status --json | jq -r '[.sites[].site] | join("|")')
    grep -E "^($sites) " "$before" | comm -23 - "$work/places.now" >"$work/places.lost"
    [ ! -s "$work/places.lost" ] || { echo "$(wc -l <"$work/places.lost") lost:" && head -3 "$work/places.lost" && false; }
}
# Neither its bytes nor, written again, its words.
once() {
    cut -d' ' -f3 "$work/$1.entries" | sort | uniq -d >"$work/doubled"
    # (What this one may not read says nothing that could be compared.)
    cut -d' ' -f4- "$work/$1.entries" | grep -v ',null,null]$' | sort | uniq -d >>"$work/doubled"
    [ ! -s "$work/doubled" ] || { head -5 "$work/doubled" && false; }
}
notes() { at "$1" log --json | jq -r 'select(.type == "note.added") | .data.text' | sort; }
has_note() { [ "$(notes "$1" | grep -cxF "$2")" = 1 ]; }
has_words() { # in what was taken
    local name=$1 text
    shift
    for text; do [ "$(grep -cF "{\"text\":\"$text\"}" "$work/$name.entries")" = 1 ] || { echo "$name: $text" && return 1; }; done
}
incarnation() { json "$1" .incarnation status; }
epochs() { at "$1" log --json | jq -r '.position // empty | split(".")[0]' | sort -u | wc -l; }

whole() {
    local text=$1 file=$2 hub=$3 name words=()
    shift 3
    check "$text: all are the same" wait_until 40 converged "$hub" "$@"
    for name; do
        words+=("$text, $name goes on")
        at "$name" note Jo "$text, $name goes on" >/dev/null || fail "$text: $name records"
    done
    check "$text: what each writes next reaches all" wait_until 30 converged "$hub" "$@"
    for name in "$hub" "$@"; do
        take "$name"
        check "$text: what was shared is at $name where it was" survived "$file" "$name"
        check "$text: nothing is at $name twice" once "$name"
        check "$text: what all wrote next is at $name" has_words "$name" "${words[@]}"
        check "$text: verify on $name" verified "$name"
    done
}
