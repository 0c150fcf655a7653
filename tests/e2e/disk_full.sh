#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A disk that fills up: one clear message, nothing that was saved is lost, reading goes on, and so does recording once
# there is room again. The disk is a small tmpfs in a mount namespace of one's own.
# timeout: 120
if [ "${1:-}" != inside ]; then
    if [ "$(id -u)" = 0 ]; then unshare=(unshare -m); else unshare=(unshare -rm); fi
    if ! "${unshare[@]}" mount -t tmpfs -o size=1m none /mnt 2>/dev/null; then
        echo "skip no small disk can be mounted here (as in a chroot or a container)"
        exit 77
    fi
    exec "${unshare[@]}" "$0" inside
fi
. "$(dirname "$0")/../lib/e2e.sh"

# The daemons end before their disks can go, and those before their mount points can.
unmount() {
    cd / && for d in hub l1; do umount -l "$work/$d"; done 2>/dev/null
}
trap 'code=$?; kill -9 "${pid[@]}" 2>/dev/null; unmount; (exit $code); cleanup' EXIT
for d in hub l1; do
    mkdir "$work/$d"
    mount -t tmpfs -o size=80m,mode=700 none "$work/$d"
done
hub_new hub salford
start hub || exit 1
laptop_new l1 hub amy salford
start l1 || exit 1
person=$(at l1 introduce --known-as Jo --source Q1 --json | jq -r .person)
check "it works before" wait_until 20 converged hub l1

# Fills the disk of $1 up to the last page, then records on l1 until that fails (or for long enough).
fill() { dd if=/dev/zero of="$work/$1/filler" bs=64k 2>/dev/null; }
text=$(printf 'x%.0s' {1..30000})
saved=1 # the introduction
fill l1
code=0
for ((i = 0; i < 3000 && code == 0; i++)); do
    at l1 note "$person" "$i $text" >/dev/null 2>"$work/check.err"
    code=$?
    [ $code = 0 ] && saved=$((saved + 1))
done
check_equal "a full disk is exit 11 ($(head -1 "$work/check.err" | cut -c1-150))" 11 $code
check_equal "the message is one line" 1 "$(wc -l <"$work/check.err")"
check "the daemon lives" alive l1
check "status is answered" is_up l1
check "and says so" grep -qiE 'full|space' <(at l1 status)
check "verify is clean" verified l1
check_equal "all that was said to be saved is there" "$saved" "$(at l1 log --json | jq -r 'select(.type == "note.added" or .type == "person.introduced") | .id' | wc -l)"
rm "$work/l1/filler"
check "with room again it records" wait_until 20 at l1 note "$person" "after"
check "and shares" wait_until 30 converged hub l1

# The hub's disk.
fill hub
code=0
for ((i = 0; i < 60; i++)); do at l1 note "$person" "hub $i $text" >/dev/null || code=$?; done
check_equal "a laptop records while the hub's disk is full" 0 $code
check "the hub lives" alive hub
check "and answers" is_up hub
rm "$work/hub/filler"
check "with room again at the hub all is shared" wait_until 60 converged hub l1

# Killed on a full disk, then started on it.
fill l1
kill_9 l1
start l1
check "it starts on a full disk" is_up l1
check "verify is clean after that" verified l1
rm "$work/l1/filler"
check "and it records once there is room" wait_until 20 at l1 note "$person" "at last"
check "all is the same at the end" wait_until 30 converged hub l1
for d in hub l1; do check "verify on $d" verified $d; done
finish
