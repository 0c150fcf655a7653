#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A person whom two teams support: the history goes along, later entries follow, in both directions and however late; what
# one team changes knowing of the other is no conflict in either; nobody has anything twice, whatever is put back.
# timeout: 180
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/survive.sh"

hub_new hub salford lambeth dales
start hub || exit 1
laptop_new s1 hub amy salford
laptop_new s2 hub bea salford
laptop_new m1 hub cat lambeth
laptop_new m2 hub dan lambeth
laptop_new d1 hub eve dales
for d in s1 s2 m1 m2 d1; do start $d || exit 1; done
told() { at "$1" show "$2" --json >"$work/told.json" && jq -e --arg words "$3" 'any(.rows[]; tostring | contains($words))' "$work/told.json"; }
told_by_all() { local words=$1 who=$2 d; shift 2; for d; do told "$d" "$who" "$words" || return 1; done; }
times_told() { at "$1" show "$2" --json | jq --arg words "$3" '[.rows[] | select(tostring | contains($words))] | length'; }
to_settle() { json "$1" "[.sites[] | select(.site == \"$2\") | .to_settle] | add" status; }

# ---- the history goes along ----
at s1 introduce --known-as Jo --source Q1 --own-words "I would like to get out more" >/dev/null
at s1 record person.details.recorded --person Jo date_of_birth=1990-01-02 >/dev/null
long=$(printf 'a long account %.0s' {1..4200})
at s1 note Jo "$long" >/dev/null
at s1 note Jo "met at the library" >/dev/null
at s1 introduce --known-as Lee --source Q1 >/dev/null
check "the team's own laptops have it" wait_until 30 converged hub s1 s2
check_exit 4 "the other team has not" at m1 show Jo
stop s2

at s1 record person.shared --person Jo to=lambeth why="they moved in with their sister" >/dev/null
check "all of it reaches the other team" wait_until 30 told_by_all "met at the library" Jo m1 m2
check "with the long account, whole" told m2 Jo "a long account a long account"
check "their own words" told m1 Jo "get out more"
check "on the front door" grep -q Jo <(at m1 front-door)
check_exit 4 "nobody else's" at m1 show Lee
check_exit 4 "and to no other team" at d1 show Jo
check "all agree" wait_until 30 converged hub s1 m1 m2 d1

# ---- both ways ----
at m1 note Jo "walked by the river" >/dev/null
check "what the second team writes comes to the first" wait_until 30 told s1 Jo "walked by the river"
at s1 note Jo "rang on tuesday" >/dev/null
check "and on" wait_until 30 told_by_all "rang on tuesday" Jo m1 m2
check_equal "each is told once at the hub, which has both sites" "1 1 1" \
    "$(times_told hub Jo 'walked by the river') $(times_told hub Jo 'rang on tuesday') $(times_told hub Jo 'a long account')"

# ---- who knew of whom ----
at m1 record person.details.recorded --person Jo date_of_birth=1990-02-01 >/dev/null
check "a change by the second team, who knew" wait_until 30 told s1 Jo 1990-02-01
check "all agree" wait_until 30 converged hub s1 m1 m2
check_equal "is nothing to settle in either" "0 0" "$(to_settle s1 salford) $(to_settle m2 lambeth)"
stop hub
at s1 record person.details.recorded --person Jo date_of_birth=1990-03-01 >/dev/null
at m2 record person.details.recorded --person Jo date_of_birth=1990-04-01 >/dev/null
start hub || exit 1
settles() { [ "$(to_settle "$1" "$2")" = 1 ]; }
check "two changes by who did not know of each other are to settle in the first" wait_until 30 settles s1 salford
check "and in the second" wait_until 30 settles m1 lambeth
at s1 settle Jo date_of_birth 1990-03-01 --with cat >/dev/null
settled() { [ "$(to_settle s1 salford) $(to_settle m1 lambeth) $(to_settle m2 lambeth)" = "0 0 0" ]; }
check "settled in one, it is settled in both" wait_until 30 settled

# ---- for some of them only ----
check "an entry for some workers of both teams" at s1 note Jo "told in confidence" --only-for cat
check "is read by the one in the other team whom it names" wait_until 30 told m1 Jo "told in confidence"
at s1 note Jo "not in confidence" >/dev/null
check "others there read the next" wait_until 30 told m2 Jo "not in confidence"
check "and not that one" not told m2 Jo "told in confidence"
check "the views are the same for all" wait_until 30 converged hub s1 m1 m2

# ---- late ----
# A laptop that is on the road: it knows nothing of the sharing, and its hub cannot be reached.
cp "$work/s2/felloe.conf" "$work/s2.conf"
sed -i 's|^hub *=.*|hub = tcp://127.0.0.1:1|' "$work/s2/felloe.conf"
start s2 || exit 1
at s2 note Jo "written with no network" >/dev/null
stop s2
at s1 share Lee dales >/dev/null
check "another person is shared with a third team" wait_until 30 told d1 Lee Lee
check_exit 4 "which has nothing of the first" at d1 show Jo
cp "$work/s2.conf" "$work/s2/felloe.conf"
start s2 || exit 1
check "what a laptop wrote with no network follows when it comes back" \
    wait_until 30 told_by_all "written with no network" Jo s1 m1 m2
check "all agree" wait_until 30 converged hub s1 s2 m1 m2 d1

# ---- again ----
entries() { json hub '[.sites[].received] | tojson' status; }
before=$(entries)
stop hub && rm -rf "$work/hub/views" && start hub || exit 1
check "a hub that makes its views again" wait_until 30 converged hub s1 s2 m1 m2 d1
at s1 note Jo "after the hub looked at all again" >/dev/null
check "copies" wait_until 30 told m1 Jo "after the hub looked"
count=$(jq -r 'fromjson | map(split(".")[-1] | tonumber) | add' <<<"$before")
all_of() { [ "$(json hub '[.sites[].received | split(".")[-1] | tonumber] | add' status)" = "$1" ]; }
check "what is new, and nothing twice" all_of $((count + 2))

# ---- a hub that dies while it copies ----
at s1 introduce --known-as Max --source Q1 >/dev/null
for i in {1..40}; do at s1 note Max "note $i of forty" >/dev/null || fail "note $i"; done
check "a long story is shared" wait_until 30 shared s1
at s1 share Max dales >/dev/null
for i in 1 2 3; do random_moment 300; kill_9 hub; start hub || exit 1; done
check "is copied by a hub that is killed meanwhile" wait_until 40 told d1 Max "note 40 of forty"
check "whole" wait_until 20 told d1 Max "note 1 of forty"
each_once() { [ "$(at d1 show Max --json | jq '[.rows[] | select(.type == "note.added") | .fields.text] | "\(length) \(unique | length)"')" = '"40 40"' ]; }
check "and each entry once" wait_until 20 each_once
check "all agree" wait_until 30 converged hub s1 d1

# ---- moving ----
sed -i 's|^hub *=.*|hub = tcp://127.0.0.1:1|' "$work/s2/felloe.conf"
stop s2 && start s2 || exit 1
at s1 note Lee "the first team's words" >/dev/null
at s2 note Lee "late words of the first team" >/dev/null
check "the third team has the words of the first" wait_until 30 told d1 Lee "the first team's words"
check "who is to move is on the first team's front door" grep -q Lee <(at s1 front-door)
at s1 share Lee dales "they moved house" --moves >/dev/null
gone() { at "$1" show "$2" >/dev/null 2>&1; [ $? = 4 ]; }
check "once a person has moved, a laptop of the old team lets go" wait_until 30 gone s1 Lee
check "and says so in its journal" wait_until 10 grep -q "moved to dales: this laptop let go of the record; all 4 entries written here are shared" "$work/s1.log"
says() { at "$1" status | grep -q "$2"; }
check "and in its status, which counts" says s1 "1 person moved to dales on .*: this laptop let go of the record; all 4 entries written here are shared. felloe news says who"
check "and names nobody: no look was recorded" not grep -q Lee <(at s1 status; at s1 status --json)
check "the news does, after the look was recorded" grep -q "^Lee (.*) moved from salford to dales" <(at s1 news --keep)
looked_at_who_moved() {
    at hub audit --json | jq -e 'any(.looks[]; .how == "news" and any(.people[]; .name == "Lee"))' >/dev/null
}
check "as the auditors see" wait_until 20 looked_at_who_moved
check_equal "and programs are told the same" "Lee dales 4" \
    "$(at s1 news --keep --json | jq -r '.moved[] | "\(.known_as) \(.to) \(.entries)"')"
check "they are on its front door no more" not grep -q Lee <(at s1 front-door)
check "nor on the hub's for that site" not grep -q Lee <(at hub front-door --site salford)
check "but on the new team's" grep -q Lee <(at d1 front-door)
check "which has all of it" told d1 Lee "they moved house"
check "a laptop that has not heard of it has the person still" told s2 Lee "late words"
check "others stay" told s1 Jo "met at the library"

cp "$work/s2.conf" "$work/s2/felloe.conf"
stop s2 && start s2 || exit 1
check "what that one wrote follows to the new team" wait_until 30 told d1 Lee "late words of the first team"
check "and then it lets go, too" wait_until 30 gone s2 Lee
check "having shared what it wrote" wait_until 10 grep -q "the one entry written here is shared" "$work/s2.log"
laptop_new s3 hub fay salford
start s3 || exit 1
check "a new laptop of the old team" wait_until 30 told s3 Jo "met at the library"
check "is not given the record of who left" gone s3 Lee
stop s1 && start s1 || exit 1
check "what was let go of stays so after a restart" gone s1 Lee
stop s1 && rm -rf "$work/s1/views" && start s1 || exit 1
check "and when the views are made again" wait_until 30 told s1 Jo "met at the library"
check "too" gone s1 Lee
check "and nothing had to be made again otherwise" not grep -q "made again from the log: S" "$work"/*.log
at s1 note Jo "one" >/dev/null && at s2 note Jo "two" >/dev/null
check "all agree" wait_until 30 converged hub s2 m1 m2 d1 s3

# ---- coming back ----
at d1 note Lee "the new team's words" >/dev/null
check_exit 3 "a move to where nobody has been is asked about" at d1 share Lee salfrod --moves
at d1 record person.shared --person Lee to=salford moves=yes why="they moved back" --anyway >/dev/null
check "who comes back is back, with all that there is" \
    wait_until 30 told_by_all "the new team's words" Lee s1 s2 s3
check "and all that was" told_by_all "late words of the first team" Lee s1 s2 s3
check "on the front door" grep -q Lee <(at s1 front-door)
check "and is told of no more as one who moved" wait_until 20 not says s1 "moved to dales"
check "and the other team lets go" wait_until 30 gone d1 Lee
check "all agree" wait_until 30 converged hub s1 s2 s3 m1 m2

# ---- a hub that is put back ----
at hub backup "$work/hub.backup" >/dev/null
at s1 note Jo "after the backup" >/dev/null
check "what comes after the backup is shared" wait_until 30 told_by_all "after the backup" Jo m1 m2
at m1 note Jo "by the second team, too" >/dev/null
check "both ways" wait_until 30 told_by_all "by the second team, too" Jo s1 s2
stop hub
check "the hub is put back" at hub hub restore "$work/hub.backup"
start hub || exit 1
at s2 note Jo "after the restore" >/dev/null
check "it goes on" wait_until 60 told_by_all "after the restore" Jo s1 m1 m2
check "all agree" wait_until 60 converged hub s1 s2 s3 m1 m2 d1
for d in hub s1 m1 m2; do
    check_equal "$d tells each once" "1 1 1" \
        "$(times_told $d Jo 'after the backup') $(times_told $d Jo 'by the second team, too') $(times_told $d Jo 'after the restore')"
done
for d in hub s1 s2 s3 m1 m2 d1; do check "verify on $d" verified $d; done
finish
