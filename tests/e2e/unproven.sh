#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Somebody has all that a hub has but the key that it signs with, and stands in its place: laptops say that it has not
# proven to be the hub, share nothing with it, and their lease goes on to run out. Then the hub is back.
# timeout: 60
# short
. "$(dirname "$0")/../lib/e2e.sh"

# Another signing key in D/identity, which ends with the BLAKE2b-256 of what is before: c4 20 and 32 bytes.
cannot_sign() {
    local file=$1/identity at size
    at=$(($(LC_ALL=C grep -abo sign-secret "$file" | head -n 1 | cut -d: -f1) + 11 + 2))
    head -c 64 /dev/urandom | dd of="$file" bs=1 seek=$at conv=notrunc status=none
    size=$(($(stat -c %s "$file") - 34))
    head -c $size "$file" | b2sum -l 256 | cut -d' ' -f1 | sed 's/../\\x&/g' >"$work/hash"
    # shellcheck disable=SC2059
    printf "$(cat "$work/hash")" | dd of="$file" bs=1 seek=$((size + 2)) conv=notrunc status=none
}

hub_new hub salford
start hub || exit 1
laptop_new amy hub amy salford
start amy || exit 1
person=$(at amy introduce --known-as Jo --source Q1 --json | jq -r .person)
check "what was recorded is shared" wait_until 30 converged hub amy
stop hub
stop amy
cp -a "$work/hub" "$work/other"
rm -f "$work/other/felloe.sock"
cannot_sign "$work/other"
start amy
until_then=$(json amy .lease_until status)
at amy note "$person" "not for whoever answers" >/dev/null
heard=$(json amy .hub.last_contact status)
start other || exit 1
unproven() { at amy status | grep -q "has not proven that it is the hub"; }
check "what answers has not proven to be the hub" wait_until 30 unproven
check_equal "it is not reachable" false "$(json amy .hub.reachable status)"
check_equal "nor has it refused" false "$(json amy .hub.refused status)"
check_equal "it was not heard" "$heard" "$(json amy .hub.last_contact status)"
check_equal "the lease is no longer" "$until_then" "$(json amy .lease_until status)"
check_equal "nothing is shared" 1 "$(json amy '[.sites[].waiting] | add' status)"
check "nor given away" not grep -q "not for whoever" <(at other log)
stop other
start hub
check "the hub is back" wait_until 40 converged hub amy
check "and was heard" not test "$(json amy .hub.last_contact status)" = "$heard"
longer() { [ "$(json amy .lease_until status)" != "$until_then" ]; }
check "with the lease" wait_until 20 longer
finish
