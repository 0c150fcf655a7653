#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Two stories to two laptops, by a hub whose directory was exchanged for a copy and that lies about it (felloed-lying: to
# each laptop it says that all is well, and passes on what the other writes). Each story is whole, so no chain and no
# signature is wrong; the laptops find it out by the heads that they tell of in their own entries, and by words that two
# people compare by phone. Nothing that was received is changed.
# timeout: 120
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/survive.sh"

hub_new hub salford lambeth
start hub || exit 1
laptop_new amy hub amy salford
laptop_new bea hub bea salford
start amy && start bea || exit 1
at amy introduce --known-as Jo --source Q1 >/dev/null
check "all is shared" wait_until 30 converged hub amy bea

words() { at "$1" verify --at "$2" --json | jq -r '.sites[] | select(.site == "salford") | "\(.head) \(.words)"'; }
head_of() { json "$1" '.sites[] | select(.site == "salford") | .received' status | tr -d '"'; }
common=$(head_of amy)
check "the same words for the same record ($(words amy "$common"))" test -n "$(words amy "$common")"
check_equal "on both laptops and at the hub" "$(words amy "$common") $(words hub "$common")" \
    "$(words bea "$common") $(words bea "$common")"
check_exit 2 "a position that is none" at amy verify --at yesterday

# Amy's story, while Bea's laptop is off.
stop bea && stop hub
cp -a "$work/hub" "$work/older"
start hub || exit 1
at amy note Jo "told to Amy alone" >/dev/null
at amy note Jo "and this" >/dev/null
check "Amy's is shared" wait_until 30 converged hub amy
remember amy before
hers=$(head_of amy)
stop amy && stop hub

# Bea's: the hub's disk is what it was, and the hub says that all is well.
cat "$work/older/log/data.mdb" >"$work/hub/log/data.mdb" && rm -rf "$work/hub/views"
"$B/felloed-lying" --dir "$work/hub" >>"$work/hub.log" 2>&1 &
pid[hub]=$!
check "a lying hub is up" wait_until 20 is_up hub
start bea || exit 1
for text in one two three four; do at bea note Jo "$text, told to Bea alone" >/dev/null; done
check "Bea's is shared" wait_until 30 converged hub bea
remember bea before-bea
check "nobody notices anything yet" not grep -q "Two stories" "$work/bea.log"
beas=$(words bea "$hers")
start amy || exit 1
check "though the words for $hers differ: “${beas#* }”, “$(words amy "$hers" | cut -d' ' -f2-)”" \
    not test "$beas" = "$(words amy "$hers")"
check_equal "and those for $common do not" "$(words amy "$common")" "$(words bea "$common")"

# What Amy writes now comes to Bea.
amy_device=$(json amy .device status | tr -d '"' | cut -c1-8)
at amy note Jo "what Amy writes after it" >/dev/null
notice() { json "$1" '.sites[] | select(.site == "salford") | .notice' status; }
told() { notice bea | grep -q "Two stories about salford: laptop $amy_device of amy .* at $hers"; }
check "Bea's laptop says so, by site, laptop and position" wait_until 40 told
notice bea | sed 's/^/    /'
check "so does its journal" grep -q "Two stories about salford: laptop $amy_device .* at $hers" "$work/bea.log"
check "Amy's laptop takes nothing in of the other story" wait_until 40 eval 'notice amy | grep -q "salford. does not verify: 1\."'
notice amy | sed 's/^/    /'
stop bea && start bea || exit 1
check "a start does not make it forgotten" wait_until 20 told
check_exit 12 "verify on Bea's" at bea verify
check_equal "names it" "$amy_device $hers" "$(at bea verify --json 2>/dev/null | jq -r '.stories[] | "\(.device[:8]) \(.position)"')"
check_equal "and no damage" "[]" "$(at bea verify --json 2>/dev/null | jq -c .problems)"
check "then status leaves it to people" wait_until 20 eval 'not told'
check_exit 12 "verify goes on telling" at bea verify

# Nothing that was received is changed.
take bea && take amy
check "all that Bea had is there" survived before-bea bea
check "all that Amy had is there" survived before amy
check "the other site goes on" wait_until 20 reachable bea

# The hub, honest again, with the disk that Amy's story is on: Amy goes on, and Bea's laptop is told.
stop hub
start hub || exit 1
check "an honest hub with the other story stands still with Amy" \
    wait_until 30 eval 'notice amy | grep -q "differs from what it told us"'
finish
