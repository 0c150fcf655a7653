#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A laptop that was let in and writes what is well-formed and not so (tests/net/impostor.c): another's name, what only the
# hub writes, keys that are not its own, another log than there is. What it may not ask is refused; what it writes is kept
# as its own, and believed by nobody; it is named; other laptops notice nothing else.
# timeout: 60
. "$(dirname "$0")/../lib/e2e.sh"

hub_new hub salford lambeth
start hub || exit 1
laptop_new amy hub amy salford
laptop_new ben hub ben lambeth
start amy && start ben || exit 1
at amy introduce --known-as Jo --source Q1 >/dev/null
at amy note Jo "what Amy wrote" >/dev/null
check "all is shared" wait_until 30 converged hub amy ben
device=$(json amy .device status | tr -d '"')
person=$(at amy log --json | jq -r 'select(.type == "person.introduced") | .subject')
before=$(digest_of ben lambeth)

"$B/tests/net/impostor" "$(invite hub eve salford)" "$device" "$person" lambeth 2>"$work/impostor.err" | tee "$work/impostor.out"
check "the impostor told all its tales" test "${PIPESTATUS[0]}" = 0
eve=$(at hub hub devices --json | jq -r '.[] | select(.worker == "eve") | .device' | cut -c1-8)
check "honest laptops have it all, and show the same" wait_until 30 converged hub amy ben
check_equal "of its stream there is what it wrote: three and six" 9 \
    "$(at hub log --json | jq -r "select(.device[:8] == \"$eve\") | .id" | wc -l)"
notice() { json "$1" '.sites[] | select(.site == "salford") | .notice' status; }
check "who tells of another log is named" wait_until 20 eval 'notice amy | grep -q "Two stories about salford: laptop $eve"'
check "by the hub, too" grep -q "Two stories about salford: laptop $eve" "$work/hub.log"
for name in amy hub; do
    check "$name: nobody is a worker whom the hub did not let in" not eval "at $name workers --json | grep -q 'Never Let In'"
    check "$name: Jo is there, though an impostor had them erased" eval "at $name show $person --json | grep -q 'what Amy wrote'"
    check_equal "$name: verify tells of eve's laptop alone" "two-stories $eve" \
        "$(at $name verify --json 2>/dev/null | jq -r '.stories[] | "\(.kind) \(.device[:8])"')"
    check "$name: no chain, hash or signature is wrong" eval "at $name verify --json 2>/dev/null | jq -e '.problems == []'"
done
check_equal "the other site noticed nothing" "$before" "$(digest_of ben lambeth)"
grep "device $eve: .*key" "$work/hub.log" | cut -d' ' -f3- | cut -c1-120 | sed 's/^/    /'
check_equal "five keys that were not its own are told of in the journal" 5 "$(grep -c "device $eve: .*key" "$work/hub.log")"
laptop_new new hub dee salford
start new || exit 1
reads() { at "$1" show "$person" --json | grep -q 'what Amy wrote'; }
check "who joins now reads what Amy wrote, under Amy's key" wait_until 30 reads new
check "and has the same" wait_until 30 converged hub amy new
finish
