#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Somebody is erased: at the hub, on a laptop that is online, on one that comes weeks later, on one with entries about them
# that it had not shared, at another team; and again wherever a backup would have brought them back. Then a thousand.
# timeout: 240
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/survive.sh"

hub_new hub salford lambeth
start hub || exit 1
laptop_new s1 hub amy salford
laptop_new late hub ben salford
laptop_new road hub cat salford
laptop_new m1 hub dan lambeth
for d in s1 late road m1; do start $d || exit 1; done
has() { at "$1" show "$2" >/dev/null 2>&1; }
told_by() { at "$1" show "$2" --json | jq -e --arg words "$3" 'any(.rows[]; tostring | contains($words))'; }
gone() { [ "$(at "$1" show "$jo" 2>&1 >/dev/null | grep -c "was erased at the hub")" = 1 ]; }
nothing_of() { # DIR: no row, no name, no word of Jo is told there
    local verb
    for verb in front-door caseload safety to-settle "news --keep" learning log "search canary" "search Joanna"; do
        # shellcheck disable=SC2086
        at "$1" $verb --json 2>/dev/null | sed 's/"query":"[^"]*"//' | grep -qi -e canary -e Joanna && { echo "$1: $verb"; return 1; }
    done
    return 0
}

jo=$(at s1 introduce --known-as Joanna --source Q1 --own-words "canary in the window" --json | jq -r .person)
ann=$(at s1 introduce --known-as Ann --source Q1 --json | jq -r .person)
at s1 note "$jo" "canary, a note" >/dev/null
at s1 note "$ann" "stays" >/dev/null
check "an entry for some" at s1 note "$jo" "canary in confidence" --only-for ben
at s1 share "$jo" lambeth "with both" >/dev/null
check "another team has her, too" wait_until 30 told_by m1 "$jo" "canary, a note"
check "all laptops have her" wait_until 30 told_by late "$jo" "canary in confidence"
check "the one that will be on the road, too" wait_until 30 has road "$jo"
sed -i 's|^hub *=.*|hub = tcp://127.0.0.1:1|' "$work/road/felloe.conf"
stop road && start road || exit 1
at road note "$jo" "canary on the road" >/dev/null
at road note "$jo" "canary only for amy" --only-for amy >/dev/null
at road note "$ann" "on the road" >/dev/null
stop late
at s1 export "$work/s1.export" >/dev/null
check "an export from before" grep -q canary "$work/s1.export"
check "backups from before" at hub backup "$work/log.backup"
check "of the keys" at hub backup --keys "$work/keys.backup"
check "of a laptop's keys" at s1 backup --keys "$work/laptop.backup"
check "of its log" at s1 backup "$work/laptop-log.backup"

# ---- at the hub ----
check_exit 2 "a basis has to be given" at hub hub erase "$jo"
check_exit 2 "and somebody be sure" at hub hub erase "$jo" --basis "letter"
check_exit 3 "a basis does not name the person" at hub hub erase "$jo" --basis "joanna asked for it" --yes
check_exit 4 "nobody of that name" at hub hub erase Nobody --basis "letter" --yes
check_exit 8 "a laptop erases nobody" at s1 hub erase "$jo" --basis "letter" --yes
check_exit 8 "nor by recording it" at hub record person.erased person="$jo" basis=letter
check "she is still there" has hub "$jo"
entries() { json hub '[.sites[].received | split(".")[-1] | tonumber] | add' status; }
before=$(entries)
check "she is erased" at hub hub erase Joanna --basis "asked for, letter of 3 March" --yes
check "at the hub" gone hub
check "which says when and on which basis" grep -q "letter of 3 March" <(at hub show "$jo" 2>&1)
check_exit 4 "her name is not known there any more" at hub show Joanna
check "nothing of her is shown there" nothing_of hub
check_exit 0 "asked for again, it is said that she is" at hub hub erase "$jo" --basis "again" --yes
check_equal "which adds nothing to the log" $((before + 1)) "$(entries)"
check "her entries are still in the log, erased" test "$(at hub log --site salford | grep -c '(erased)')" -ge 4
check "also for programs" jq -se 'map(select(.erased)) | length >= 4' <(at hub log --json)
check "the status tells" jq -e '.erased == 1' <(at hub status --json)

# ---- on the laptops ----
check "a laptop that is online hears at once" wait_until 30 gone s1
check "one of the other team, too" wait_until 30 gone m1
check "nothing of her is shown on either" eval "nothing_of s1 && nothing_of m1"
check "others are shown as before" told_by s1 "$ann" "stays"
check "what was erased is in the news" grep -q "letter of 3 March" <(at s1 news --keep --json)
check_exit 4 "nothing can be recorded about her" at s1 note "$jo" "more"
check_exit 13 "an import of what was exported before leaves her out" at s1 import "$work/s1.export"
check "and says why" grep -q "was erased" <(cat "$work/check.err" "$work/check.out")
check "it brings nothing of her back" nothing_of s1
rm "$work/s1.export"
start_later late 1814400 || start late || exit 1
check "one that comes weeks later hears then" wait_until 30 gone late
check "and shows nothing" nothing_of late
sed -i "s|^hub *=.*|hub = tcp://127.0.0.1:${port[hub]}|" "$work/road/felloe.conf"
check "the one on the road has not heard" has road "$jo"
stop road && start road || exit 1
check "until it comes back" wait_until 30 gone road
check "what it had not shared goes up" wait_until 30 shared road
check "and is read by nobody" eval "nothing_of road && nothing_of hub"
check "but for what is about others" wait_until 30 told_by s1 "$ann" "on the road"
no_debts() { [ "$(at hub verify --json | jq '[.unreadable[]? | select(.why == "no-key") | .events] | add // 0')" = 0 ]; }
check "no key is missing at the hub" wait_until 30 no_debts
for d in hub s1 late road m1; do check "$d verifies" verified $d; done
laptop_new new hub eve salford && start new || exit 1
check "a laptop that joins later has the others" wait_until 30 told_by new "$ann" "on the road"
check "and not her" wait_until 10 gone new

# ---- again and again ----
check "made again" at s1 rebuild
check "the views lack her" eval "gone s1 && nothing_of s1"
stop s1
check "a laptop's keys from before are put back" at s1 restore --keys "$work/laptop.backup"
start s1 || exit 1
check "she stays erased" eval "gone s1 && nothing_of s1"
stop s1
mkdir "$work/again" && cp -r "$work/s1/." "$work/again/" && rm -rf "$work/s1/keys" "$work/s1/views"
check "also where the keyring was gone, and comes from the backup whole" at s1 restore --keys "$work/laptop.backup"
start s1 || exit 1
check "the first that is asked is told that she is erased" gone s1
check "and nothing of her" nothing_of s1
stop hub && rm -rf "$work/hub"
check "a hub is made of backups from before" at hub hub restore "$work/log.backup" --keys "$work/keys.backup"
start hub || exit 1
check "the laptops bring it the erasure" wait_until 40 gone hub
check "and it shows nothing of her" nothing_of hub
check "nor do they" eval "nothing_of s1 && nothing_of road && nothing_of m1 && nothing_of late"
for d in hub s1 road; do check "$d verifies" wait_until 20 verified $d; done
at s1 note "$ann" "all goes on" >/dev/null
check "all goes on" wait_until 30 told_by late "$ann" "all goes on"

# ---- retention ----
at s1 support start "$ann" >/dev/null 2>&1 || at s1 record support.started --person "$ann" >/dev/null
at s1 farewell "$ann" --way-back "ring us" >/dev/null 2>&1 || at s1 record support.ended --person "$ann" >/dev/null
retained() { at hub hub retention --json | jq -e --arg id "$ann" 'any(.[]; .person == $id and (.keep_until | test("^20[0-9]{2}-")) and .last_entry)'; }
check "who said farewell is kept until a day that is told" wait_until 20 retained
check "also as a table" grep -q Ann <(at hub hub retention)
check_exit 8 "at the hub alone" at s1 hub retention

# ---- a thousand ----
many=${MANY:-1000}
seq "$many" | jq -c '{specversion: "1.0", source: "urn:old", id: "p\(.)", subject: "p\(.)", type: "person.introduced",
    time: "2026-01-02T03:04:05Z", data: {known_as: "Zebrafinch\(.)", source: "Q1", own_words: "quokka \(.)"}}' \
    >"$work/people.jsonl"
check "a thousand people" at s1 import "$work/people.jsonl" --site salford
rm "$work/people.jsonl"
check "are shared" wait_until 60 shared s1
# The names lie nowhere in the clear, also before; the export finds them.
at s1 export - >"$work/kept-export"
people=$(grep Zebrafinch "$work/kept-export" | jq -r .subject)
check_equal "and found by who looks" "$many" "$(grep -c . <<<"$people")"
rm "$work/kept-export"
erase_all() { xargs -P 4 -n 1 "$B/felloe" --dir "$work/hub" hub erase --basis "closed" --yes <<<"$people" >/dev/null; }
began=$SECONDS
check "all are erased" erase_all
echo "    $many erased in $((SECONDS - began)) s"
left() { at "$1" log --json | grep -c -e Zebrafinch -e quokka; }
none_left() { [ "$(left "$1")" = 0 ]; }
check "none is left at the hub" none_left hub
check "nor on the laptops" eval "wait_until 60 none_left s1 && wait_until 60 none_left road"
for d in s1 road hub; do stop $d; done
check "no file has a word of them" not grep -rqa -e Zebrafinch -e quokka -e "canary" -e Joanna "$work"
for d in s1 road hub; do start $d || exit 1; done
check "the hub verifies" verified hub
check "a laptop verifies" verified s1
check "and counts them" jq -e --argjson n $((many + 1)) '.erased == $n' <(at s1 status --json)
finish
