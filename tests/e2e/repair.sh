#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Bits turn over in the files of a laptop and of a hub: what was said to be saved and is not itself what was hit is there
# after `felloe repair`, and what was hit comes back from the hub, or from the laptops.
# timeout: 180
. "$(dirname "$0")/../lib/e2e.sh"
RANDOM=${FELLOE_REPAIR_SEED:-7}

hub_new hub salford
start hub || exit 1
laptop_new l1 hub amy salford
laptop_new l2 hub bea salford
start l1 && start l2 || exit 1
at l1 introduce --known-as Jo --source Q1 >/dev/null
at l2 introduce --known-as Kim --source Q1 >/dev/null
check "two people are known everywhere" wait_until 30 converged hub l1 l2
for i in {1..40}; do at l1 note Jo "shared by the first, $i" >/dev/null; done
for i in {1..40}; do at l2 note Kim "shared by the second, $i" >/dev/null; done
check "all is shared" wait_until 40 converged hub l1 l2
all=$(at hub log --json | jq -r .id | sort)

holds() { [ -z "$(comm -23 <(echo "$all") <(at "$1" log --json | jq -r .id | sort))" ]; }

# ---- nothing is damaged ----
stop l1
check "where nothing is damaged, nothing is done" grep -q "Nothing is damaged" <(at l1 repair)
check "and nothing was put aside" test ! -e "$work/l1/log.damaged-1"
start l1 || exit 1
check_exit 7 "a daemon that runs keeps its directory" at l1 repair

# ---- a laptop ----
flip() { # FILE OFFSET: one bit
    local byte
    byte=$(od -An -tu1 -j "$2" -N1 "$1" | tr -d ' ')
    printf "\\x$(printf %02x $((byte ^ (1 << (RANDOM % 8)))))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
flip_some() { # FILE COUNT: anywhere beyond the first two pages
    local size i
    size=$(stat -c %s "$1")
    for ((i = 0; i < $2; i++)); do flip "$1" $((8192 + (RANDOM * 32768 + RANDOM) % (size - 8192))); done
}
for round in 1 2 3 4 5 6; do
    stop hub
    at l1 note Jo "not shared when the disk went bad, $round" >/dev/null
    stop l1
    flip_some "$work/l1/log/data.mdb" $((round * 4))
    repaired=$(at l1 repair --json 2>>"$work/repair.log")
    damage=$(jq -r '.log_damage // "nothing that matters"' <<<"$repaired")
    check "round $round: a damaged laptop is repaired: $damage" test -n "$repaired"
    start l1 || exit 1
    # It is there, unless it was that very entry that was hit: then the repair says that one is missing.
    there=$(at l1 log --json | grep -c "not shared when the disk went bad, $round")
    own=$(jq '[.sites[] | .own_before - .own] | add // 0' <<<"$repaired")
    check "round $round: what was not shared is there, or said to be lost" test "$there" = 1 -o "$own" -ge 1
    start hub || exit 1
    check "round $round: the rest comes back from the hub" wait_until 30 converged hub l1 l2
    check "round $round: and the hub has it" test "$(at hub log --json | grep -c "went bad, $round")" = "$there"
    check "round $round: all that was shared is there" holds l1
    check "round $round: verify" verified l1
    all=$(at hub log --json | jq -r .id | sort)
done

# ---- a laptop's keys, and a log that is no log any more ----
stop hub && stop l1
flip_some "$work/l1/keys/data.mdb" 60
check "damaged keys are repaired" at l1 repair
dd if=/dev/urandom of="$work/l1/log/data.mdb" bs=4096 count=2 conv=notrunc status=none
at l1 repair >"$work/out"
check_equal "a log of which nothing can be read is begun anew" 0 $?
check "and why, in one sentence" grep -q '^The log was made anew, because .*/log/data.mdb is damaged: it does' "$work/out"
start hub && start l1 || exit 1
check "and all of it comes back, keys too" wait_until 40 converged hub l1 l2
check "verify" verified l1
at l1 note Jo "after all that" >/dev/null
check "it goes on" wait_until 30 converged hub l1 l2

# ---- the hub ----
all=$(at hub log --json | jq -r .id | sort)
for round in 1 2 3; do
    stop hub
    flip_some "$work/hub/log/data.mdb" $((round * 8))
    flip_some "$work/hub/keys/data.mdb" $((round * 8))
    check "hub, round $round: repaired" at hub repair
    start hub || exit 1
    check "hub, round $round: the laptops bring the rest" wait_until 60 converged hub l1 l2
    check "hub, round $round: nothing is missing" holds hub
    check "hub, round $round: verify" verified hub
    at l2 note Kim "after round $round at the hub" >/dev/null
    check "hub, round $round: it goes on" wait_until 30 converged hub l1 l2
done
finish
