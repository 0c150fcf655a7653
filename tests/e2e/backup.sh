#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Backups with real daemons: made while events are recorded, put back into the same directory and into an empty one;
# files that are not what they should be, full disks, a daemon that ends in the midst of it.
# timeout: 240
# Where a small disk can be had, all of it runs in a mount namespace of its own.
if [ "${1:-}" = "" ]; then
    if [ "$(id -u)" = 0 ]; then unshare=(unshare -m); else unshare=(unshare -rm); fi
    "${unshare[@]}" mount -t tmpfs -o size=1m none /mnt 2>/dev/null && exec "${unshare[@]}" "$0" inside
fi
. "$(dirname "$0")/../lib/e2e.sh"

ids() { at "$1" log --json | jq -r .id | sort; }
# All lines of the first are in the second.
within() { [ -z "$(comm -23 <(echo "$1") <(echo "$2"))" ]; }

has_more() { [ "$(at hub log --json | wc -l)" -ge "$1" ]; }

hub_new hub salford lambeth
hub_new other salford
start hub && start other || exit 1
laptop_new l1 hub amy salford
start l1 || exit 1
person=$(at l1 introduce --known-as "Jo Longfellow" --source Q1 --json | jq -r .person)
check "all is shared" wait_until 30 converged hub l1

# ---- made while everything goes on ----
text=$(printf 'x%.0s' {1..60000}) # near the largest event that there may be
jq -cn --arg p "$person" --arg t "$text" 'range(400) | {specversion: "1.0", type: "note.added", source: "test",
    id: "n\(.)", subject: $p, site: "salford", data: {text: "\(.) \($t)"}}' >"$work/notes.jsonl"
before=$(ids hub)
at l1 import "$work/notes.jsonl" >/dev/null & importing=$!
for n in 1 2 3 4 5; do
    check "backup $n while events of 60 KB come in" at hub backup "$work/during$n.backup"
    wait_until 20 has_more $((n * 50))
done
check "a laptop is backed up while it records" at l1 backup "$work/laptop.backup"
wait $importing
check_equal "all of them were saved" 0 $?
check "all is shared" wait_until 60 converged hub l1
check_exit 0 "a backup of the log" at hub backup "$work/log.backup"
check_exit 0 "a backup of the keys" at hub backup --keys "$work/keys.backup"
check_equal "they are their owner's alone" "600 600" "$(stat -c %a "$work/log.backup" "$work/keys.backup" | xargs)"
check "as JSON it says what it made" jq -e '.what == "keys" and .role == "hub" and .epoch == 1 and .bytes > 1000' \
    <(at hub backup --keys "$work/second.backup" --json)
cmp -s <(at hub backup - 2>/dev/null | head -c 16) <(printf 'felloe backup 1\n') && ok "it goes to standard output, too" ||
    fail "it goes to standard output, too"
for word in Longfellow xxxxxxxxxxxxxxxx; do
    check "a backup of the log says nothing of $word" not grep -qa "$word" "$work/log.backup"
done

# ---- what is refused ----
check_exit 7 "a file that is there is never overwritten" at hub backup "$work/log.backup"
check_exit 4 "no folder" at hub backup "$work/no/such/folder.backup"
check_exit 2 "two files at once" at hub backup "$work/a" "$work/b"
check_exit 7 "the daemon runs" at hub hub restore "$work/log.backup"
check_exit 2 "neither of two files" at hub hub restore
check_exit 6 "no daemon to back up" at nobody backup "$work/nobody.backup"
if [ "$(id -u)" != 0 ]; then
    mkdir -m 500 "$work/locked"
    check_exit 8 "a folder that is not one's own" at hub backup "$work/locked/x.backup"
fi
check_equal "nothing is left of those" "" "$(find "$work" -name '*.part' -o -name nobody.backup)"

# The daemon is stopped in the midst: it is frozen until the copy has begun, so that it is.
freeze hub
at hub backup "$work/midst.backup" >/dev/null 2>"$work/midst.err" & backing=$!
check "a copy is begun" wait_until 10 test -e "$work/midst.backup.part"
kill -9 "${pid[hub]}"
wait "${pid[hub]}" 2>/dev/null
wait $backing
check_equal "a daemon that goes away in the midst of it is exit 6" 6 $?
check_equal "with one clear message" 1 "$(wc -l <"$work/midst.err")"
check_equal "and nothing is left of it" "" "$(find "$work" -name 'midst.backup*')"
start hub || exit 1

# A small disk for the file.
mkdir "$work/small"
if [ "${1:-}" = inside ] && mount -t tmpfs -o size=2m none "$work/small"; then
    check_exit 11 "a full disk" at hub backup "$work/small/x.backup"
    check_equal "and nothing is left on it" "" "$(ls "$work/small")"
    umount "$work/small"
else
    skip "no small disk can be mounted here"
fi
stop hub

# ---- files that are not what they should be ----
size=$(stat -c %s "$work/log.backup")
head -c $((size / 2)) "$work/log.backup" >"$work/cut.backup"
cp "$work/log.backup" "$work/flipped.backup"
printf 'X' | dd of="$work/flipped.backup" bs=1 seek=$((size / 3)) conv=notrunc 2>/dev/null
at other backup "$work/other.backup" >/dev/null
check_exit 12 "a backup that was cut" at hub hub restore "$work/cut.backup"
check_exit 12 "a backup with a byte changed" at hub hub restore "$work/flipped.backup"
check_exit 3 "another hub's" at hub hub restore "$work/other.backup"
check_exit 3 "a file that is no backup" at hub hub restore "$work/notes.jsonl"
check_exit 3 "the keys where the log should be" at hub hub restore "$work/keys.backup"
check_exit 4 "no such file" at hub hub restore "$work/none.backup"
check_exit 4 "an empty directory without keys" at empty hub restore "$work/log.backup"
check "it was not made" test ! -e "$work/empty"
if [ "${1:-}" = inside ] && mount -t tmpfs -o size=64m,mode=700 none "$work/small"; then
    cp -a "$work/hub/." "$work/small/"
    sum=$(cat "$work/small/log/data.mdb" | sha256sum)
    dd if=/dev/zero of="$work/small/filler" bs=64k 2>/dev/null
    truncate -s -8m "$work/small/filler" # too little
    check_exit 11 "a hub's disk that is full" at small hub restore "$work/log.backup"
    check_equal "its log is as it was" "$sum" "$(cat "$work/small/log/data.mdb" | sha256sum)"
    umount "$work/small"
else
    skip "no small disk can be mounted here"
fi
start hub || exit 1
check "the hub is as it was" converged hub l1

# ---- each of those that were made on the way is whole ----
stop l1
for n in 1 2 3 4 5; do
    check "backup $n becomes a hub on an empty directory" at "new$n" hub restore "$work/during$n.backup" \
        --keys "$work/keys.backup"
done
after=$(ids hub)
stop hub
for n in 1 3 5; do
    start "new$n"
    check "backup $n verifies" verified "new$n"
    check "it has what was there before" within "$before" "$(ids "new$n")"
    check "and nothing else than there was" within "$(ids "new$n")" "$after"
    stop "new$n"
done

# ---- put back into the same directory, after more ----
start hub && start l1 || exit 1
at l1 note "$person" "after the backup" >/dev/null
check "it is shared" wait_until 30 converged hub l1
stop l1
stop hub
check_exit 0 "the hub is put back" at hub hub restore "$work/log.backup"
check "the log that was there is kept" test -s "$work/hub/log.before-restore-1/data.mdb"
check "its views are made again" test ! -e "$work/hub/views"
start hub || exit 1
check_equal "it is as it was backed up" "$after" "$(ids hub)"
check "it verifies" verified hub
check "its laptops are known" grep -q amy <(at hub hub devices)
stop hub
mkdir "$work/hub/new-log" # as it is between the two steps of an exchange, where the file system needs two
mv "$work/hub/log" "$work/hub/new-log/log"
: >"$work/hub/new-log/old"
start hub || exit 1
check_equal "a log that was half way in its place is in it" "$after" "$(ids hub)"
check "and nothing is left of the way" test ! -e "$work/hub/new-log"
stop hub
check "as JSON" jq -e '.log and .epoch > 1 and .log_kept != null' <(at hub hub restore "$work/log.backup" --json)

# ---- a machine that burned: two files and nothing else ----
rm -rf "$work/hub"
check_exit 0 "two files make the hub again" at hub hub restore "$work/log.backup" --keys "$work/keys.backup"
check "with its settings" grep -q "127.0.0.1:${port[hub]}" "$work/hub/felloe.conf"
start hub || exit 1
check_equal "and with its record" "$after" "$(ids hub)"
check "it verifies" verified hub
start l1 || exit 1
check "its laptop finds it again" wait_until 30 reachable l1
check "and brings what came after the backup" wait_until 60 converged hub l1
check "in the old positions: it verifies" verified hub
stop l1
stop hub

# ---- a laptop ----
check_exit 3 "a laptop is not put back to a hub's backup" at l1 hub restore "$work/log.backup"
sum=$(sha256sum <"$work/l1/log/data.mdb")
for words in "hub restore $work/laptop.backup" "restore $work/log.backup"; do
    check_exit 3 "felloe $words, of a laptop" at l1 $words
    check "it says which verb it is" grep -q "say .felloe .*restore" "$work/check.err"
done
check_exit 3 "felloe restore, of a hub" at hub restore "$work/log.backup"
check "that is hub restore" grep -q "say .felloe hub restore" "$work/check.err"
check_exit 3 "felloe hub restore of the laptop's backup" at hub hub restore "$work/laptop.backup"
check_equal "its log is as it was" "$sum" "$(sha256sum <"$work/l1/log/data.mdb")"
mkfifo "$work/pipe"
check_exit 3 "a pipe that nobody writes to" timeout 10 "$B/felloe" --dir "$work/l1" restore "$work/pipe"
check_exit 3 "a directory" at l1 restore "$work"
check_exit 0 "keys alone, which are a hub's" at hub restore --keys "$work/keys.backup"
check_exit 0 "a laptop is put back" at l1 restore "$work/laptop.backup"
start l1 || exit 1
check "it verifies" verified l1
check "it has what it had" within "$before" "$(ids l1)"
finish
