#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Laptops whose clocks are wrong by half an hour, a day, a year: clocks decide nothing about who knew of what, nothing is
# lost, and the views are the same everywhere.
# timeout: 90
. "$(dirname "$0")/../lib/e2e.sh"

hub_new hub salford
start hub || exit 1
laptop_new slow hub amy salford
laptop_new fast hub bea salford
laptop_new far hub cat salford
start_later slow -1800 || { skip "no other clock under sanitizers" && finish; }
start_later fast 86400 && start_later far 31536000 || exit 1
at slow introduce --known-as Jo --source Q1 >/dev/null
check "an event from the slow clock reaches all" wait_until 30 converged hub slow fast far
set_born() { at "$1" record person.details.recorded --person Jo date_of_birth="$2" >/dev/null; }
set_born far 1990-01-01
check "one from next year reaches all" wait_until 30 converged hub slow fast far
# Who has seen the earlier value overwrites it, however early their clock says it is.
set_born slow 1990-02-02
check "a knowing change by the slowest clock reaches all" wait_until 30 converged hub slow fast far
check_equal "and is no conflict" 0 "$(json fast '[.sites[].to_settle] | add' status)"
check "it holds" grep -q 'Born: 1990-02-02$' <(at far show Jo)

# Who did not know of each other conflict, whatever their clocks say.
stop hub
set_born slow 1990-03-03
set_born fast 1990-04-04
start hub
check "two that did not know of each other reach all" wait_until 40 converged hub slow fast far
for d in hub slow fast far; do
    check_equal "$d has one thing to settle" 1 "$(json $d '[.sites[].to_settle] | add' status)"
    check "$d verifies" verified $d
done
check "a clock that is a day off is said so" grep -qi clock <(at fast status)
# Back to the right clock: what is recorded now comes after what this laptop wrote next year.
stop far
start far
at far note Jo "back in the present" >/dev/null
check "a laptop whose clock was put back goes on" wait_until 30 converged hub slow fast far
check "and verifies" verified far
finish
