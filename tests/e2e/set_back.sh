#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A laptop's directory is set back by a day: what it had shared since comes back to it, and what it writes on the older copy
# is kept as well. And a laptop whose log is gone: all that was shared comes back.
# timeout: 120
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/survive.sh"

hub_new hub salford lambeth
start hub || exit 1
laptop_new l1 hub amy salford lambeth
laptop_new l2 hub bea salford
start l1 && start l2 || exit 1
at l1 introduce --known-as Jo --source Q1 --site salford >/dev/null
at l1 note Jo "the day before" >/dev/null
check "all is shared" wait_until 30 converged hub l1 l2
stop l1
cp -a "$work/l1" "$work/yesterday"

# A day's work, shared; then the copy of the day before comes back, and goes on recording before it meets the hub.
start l1 || exit 1
for i in 1 2 3 4 5; do at l1 note Jo "today $i" >/dev/null; done
at l1 introduce --known-as Kim --source Q1 --site salford >/dev/null
at l1 introduce --known-as Lee --source Q1 --site lambeth >/dev/null
check "a day's work is shared" wait_until 30 converged hub l1 l2
at l2 note Kim "the other laptop knows Kim" >/dev/null
check "with all" wait_until 30 converged hub l1 l2
remember hub before
stop l1
rm -rf "$work/l1" && mv "$work/yesterday" "$work/l1"
stop hub
start l1 || exit 1
at l1 note Jo "on the older copy" >/dev/null
at l1 introduce --known-as Max --source Q1 --site salford >/dev/null
at l1 note Max "a new person on the older copy" >/dev/null
start hub || exit 1
check "both histories come together" wait_until 40 converged hub l1 l2
whole "after the older copy" before hub l1 l2
for d in hub l1 l2; do
    check "$d has both days" has_words $d "the day before" "today 5" "on the older copy" "a new person on the older copy"
done
check_equal "the laptop goes on under another number" 2 "$(incarnation l1)"
check_equal "there is nothing to settle" 0 "$(json hub '[.sites[].to_settle] | add' status)"
check "the laptop says how much was written again" grep -q "3 entries that the hub does not have were written again" "$work/l1.log"
check "and so does its status" grep -q "goes on as incarnation 2. 3 entries .* were written again" <(at l1 status)

# Set back, with work of both days that was never shared: on the lost branch it is gone with its disk, on the other it is kept.
stop l1
cp -a "$work/l1" "$work/yesterday"
start l1 || exit 1
at l1 note Jo "shared after the second copy" >/dev/null
check "the newer branch is shared" wait_until 30 converged hub l1 l2
remember hub second
stop hub
at l1 note Jo "never shared, and its disk is gone" >/dev/null
stop l1
rm -rf "$work/l1" && mv "$work/yesterday" "$work/l1"
start l1 || exit 1
at l1 note Jo "not shared yet, on the older copy" >/dev/null
start hub || exit 1
check "again both come together" wait_until 40 converged hub l1 l2
whole "after the second copy" second hub l1 l2
check "what was on the older copy is kept" has_words hub "not shared yet, on the older copy" "shared after the second copy"

# Its log is gone altogether; who it is and its keys are there.
at l1 note Jo "shared before the log was lost" >/dev/null
check "all is shared once more" wait_until 30 converged hub l1 l2
remember hub third
stop l1
rm -rf "$work/l1/log" "$work/l1/views"
start l1 || exit 1
check "all that was shared comes back" wait_until 40 converged hub l1 l2
whole "after the log was lost" third hub l1 l2
check "it goes on under another number" test "$(incarnation l1)" -ge 4
finish
