#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Words are found in what was recorded, whatever their case and accents, and by nobody who may not read them; what others
# wrote is news once; and tables line up whatever is in them.
# timeout: 180
. "$(dirname "$0")/../lib/e2e.sh"
notes=$root/../shared/data/case-notes.csv

hub_new hub salford lambeth
start hub || exit 1
laptop_new l1 hub amy salford lambeth
laptop_new l2 hub bea salford lambeth
laptop_new l3 hub carl salford
start l1 && start l2 && start l3 || exit 1

record() { at "$1" record "${@:2}" --json | jq -r .id; }
found() { json "$1" '[.rows[].line]' search "${@:2}"; }
count() { json "$1" .total search "${@:2}"; }
news() { json "$1" '[.rows[] | select(.type != "worker.joined") | .fields.text // .fields.known_as // .type]' news "${@:2}"; }

# ---- words, accents, pictures ----
at l1 introduce --known-as "Zoë Brontë" --own-words "Someone to talk to, she says" >/dev/null
at l1 introduce --known-as $'Sia\u0302n' >/dev/null # the accent as a character of its own
at l1 introduce --known-as "שרה לוי" >/dev/null
at l1 introduce --known-as "محمد" >/dev/null
at l1 introduce --known-as "李小龙" >/dev/null
# shellcheck disable=SC1112 # a quote that is not ASCII is the point
zoe=$(record l1 note.added --person "Zoë Brontë" text="Met at the library: “the tenancy”, her landlord, and what to say.")
record l1 note.added --person Siân text="Rang about the benefits form 👍🏽; landlord is fine" >/dev/null
record l1 note.added --person "שרה לוי" text="דיברנו על הדירה and the landlord" >/dev/null
record l1 note.added --person محمد text="اتصل بالمكتبة 👩‍👩‍👧 and came along" >/dev/null
record l1 note.added --person 李小龙 text="$(printf 'word %.0s' {1..9000})tenancy at the end" >/dev/null
wrong=$(record l1 note.added --person Siân text="An unfounded rumour about the tenancy")

check_equal "a word in two notes" 3 "$(count l1 tenancy)"
check_equal "two words, both needed" '["Met at the library: “the tenancy”, her landlord, and what to say."]' "$(found l1 LANDLORD tenancy)"
check_equal "the name helps" 1 "$(count l1 sian landlord)"
check_equal "a phrase" 1 "$(count l1 '"benefits form"')"
check_equal "the same words are no phrase the other way round" 0 "$(count l1 '"form benefits"')"
check_equal "a name without its accents" '["Zoë Brontë"]' "$(found l1 bronte)"
check_equal "a name with them, in one character" 1 "$(count l1 Siân)"
check_equal "… and in two" 1 "$(count l1 $'sia\u0302n')"
check_equal "own words" 1 "$(count l1 someone to talk)"
check_equal "a picture, whatever its tone of skin" 1 "$(count l1 👍)"
check_equal "Hebrew" 1 "$(count l1 הדירה)"
check_equal "Arabic, with points or without" 1 "$(count l1 بِالمَكتَبة)"
check_equal "the line of a long text is the one with the word" true \
    "$(json l1 '.rows[] | select(.person == ["李小龙"]) | (.line | length < 200 and endswith("tenancy at the end"))' search tenancy)"
check "a name without its accents finds the person" at l1 show sian
at l1 introduce --known-as Sian >/dev/null
check_equal "but the one who is just so called comes first" '["Sian"]' "$(json l1 .known_as show sian)"
check_equal "nothing" '[]' "$(found l1 zeppelin)"
check_exit 0 "nothing is no error" at l1 search zeppelin
check_exit 2 "no word" at l1 search '""'
check_exit 2 "too many words" at l1 search a b c d e f g h i j k l m n o p q
check_exit 4 "words about somebody unknown" at l1 search tenancy --person Nobody
check_exit 3 "a day that is none" at l1 search tenancy --since someday
check_equal "about one person" 1 "$(count l1 tenancy --person "zoe bronte")"
check_equal "of one worker" 0 "$(count l1 tenancy --worker bea)"
check_equal "since tomorrow" 0 "$(count l1 tenancy --since tomorrow)"
check_equal "since today" 3 "$(count l1 tenancy --since today)"
check_equal "the best one" '1 of 3' "$(json l1 '"\(.rows | length) of \(.total)"' search tenancy --limit 1 | tr -d '"')"

at l1 record entry.struck --person Siân "of=$wrong" why="said of somebody else" >/dev/null
check_equal "what is struck is not found" 2 "$(count l1 tenancy)"
check_equal "unless it is asked for, and then it says why" '["said of somebody else"]' \
    "$(json l1 '[.rows[] | select(.struck).struck]' search rumour --struck)"

# ---- who may read it ----
record l1 note.added --person Siân text="restricted pomegranate" audience=bea >/dev/null
record l1 safeguarding.sent --person Siân kind=neglect-acts-of-omission wishes="pomegranate, in peace" audience=bea >/dev/null
check "all comes to all" wait_until 30 shared l1
check_equal "who wrote it finds it" 2 "$(count l1 pomegranate)"
check "who it is for finds it" wait_until 20 eval '[ "$(count l2 pomegranate)" = 2 ]'
check_equal "somebody else does not" 0 "$(count l3 pomegranate)"
check_equal "nor does the hub" 0 "$(count hub pomegranate)"
check "all comes to all" wait_until 30 converged hub l1 l2
check_equal "the hub finds what is not restricted" 2 "$(count hub tenancy)"
stop hub
check_equal "a laptop finds it without the hub" 2 "$(count l2 tenancy)"
start hub || exit 1

# ---- a person whom two teams are with ----
laptop_new l4 hub dora lambeth
start l4 || exit 1
check_equal "another team knows nothing of her" 0 "$(count l4 brontë)"
at l1 record person.shared --person "Zoë Brontë" to=lambeth why="lives there now" >/dev/null
check "shared, the other team finds her" wait_until 30 eval '[ "$(count l4 landlord tenancy)" = 1 ]'
check_equal "as who wrote it, not as what the hub copied" '["amy","note.added"]' \
    "$(json l4 '.rows[0] | [.who, .type]' search landlord tenancy)"
check_equal "what is restricted stays so" 0 "$(count l4 pomegranate)"
check_equal "who is in both finds it once" 1 "$(count l1 landlord tenancy)"
check "it is news to the other team" jq -e 'any(.[]; . != null and startswith("Met at the library"))' <(news l4)
check "all comes to all" wait_until 30 converged hub l1 l2 l3 l4

# ---- news ----
types() { json "$1" '[.rows[] | select((.type | test("restricted|safeguarding|note")) and (.fields | tostring | test("pomegranate|kind"))).type]' news --keep; }
check_equal "of what is restricted those who may read it are told whole" '["safeguarding.sent","note.added"]' "$(types l2)"
check_equal "the others that there is something, where it says so" '["entry.restricted"]' "$(types l3)"
check_equal "at the hub without words" '[]' "$(types hub | jq -c 'map(select(. != "entry.restricted"))')"
check "what is news for the first time" jq -e 'index("Zoë Brontë")' <(news l2 --keep)
check "it stays news when it is kept" jq -e 'index("Zoë Brontë")' <(news l2)
check_equal "and then it is none" '[]' "$(news l2)"
check_equal "one's own is none" '[]' "$(news l1)"
record l2 note.added --person محمد text="written by bea" >/dev/null
check_equal "nor is what one wrote since" '[]' "$(news l2)"
record l1 note.added --person محمد --occurred "$(date -d '3 hours ago' +%Y-%m-%dT%H:%M:%S%:z)" text="written late" >/dev/null
# shellcheck disable=SC2317
comes() { at "$1" show محمد --json | grep -q "$2"; }
check "it comes" wait_until 20 comes l2 "written late"
check_equal "a late entry is news, and says so" '[["written late",true]]' \
    "$(json l2 '[.rows[] | [.fields.text, .late]]' news --keep)"
check "for people, too" grep -q 'late entry' <(at l2 news)
check "what bea wrote comes" wait_until 20 comes l1 "written by bea"
check_equal "what bea wrote is news to amy, on her laptop" '["written by bea"]' "$(news l1)"
check "another worker has a mark of their own" jq -e 'index("written late")' <(news l2 --worker carl)
check_equal "as a view it is the same, and notes nothing" '[]' "$(news l2)"
echo "this is no mark" >"$work/l2/looked/bea"
check "a mark that is none is as good as none" jq -e 'index("written late")' <(news l2)

# ---- tables ----
# lined_up PATTERN N: in more than N lines of stdin, the first of each row, it begins in one and the same column.
lined_up() {
    local line at columns=
    while IFS= read -r line; do
        [[ $line != ' '* && $line =~ $1 ]] || continue
        at=$(LC_ALL=C.UTF-8 wc -L <<<"${line%%"${BASH_REMATCH[0]}"*}|")
        columns+="$at"$'\n'
    done
    [ "$(wc -l <<<"$columns")" -gt "$2" ] && [ "$(sort -u <<<"$columns" | grep -c .)" = 1 ] || { echo "$columns"; return 1; }
}
widest() { LC_ALL=C.UTF-8 wc -L; }
on_a_terminal() { # COLUMNS VERB…, without what is for the terminal alone
    local columns=$1
    shift
    COLUMNS=$columns script -qec "$(printf '%q ' "$B/felloe" --dir "$work/l1" "$@")" /dev/null |
        sed $'s/\e\\[[0-9;]*m//g; s/\r//g; s/\u2066//g; s/\u2067//g; s/\u2069//g'
}
id='\b[0-9a-f]{8}\b'
check "in a pipe, search lines up" lined_up "$id" 3 < <(at l1 search and)
check "in a pipe, news does" lined_up "$id" 10 < <(at l3 news --keep)
check "in a pipe, nothing is for the terminal alone" not grep -qP '\e|[\x{2066}-\x{2069}]' <(at l1 search and)
if script -qec true /dev/null >/dev/null 2>&1; then
    for columns in 60 80 120; do
        check "search lines up in $columns columns" lined_up "$id" 3 < <(on_a_terminal $columns search and)
        check "show does" lined_up "$id" 1 < <(on_a_terminal $columns show 李小龙)
        check "news does" lined_up "$id" 10 < <(on_a_terminal $columns news --worker dan --keep)
        check "and is no wider" test "$(on_a_terminal $columns search and | widest)" -le $columns
    done
    at l1 introduce --known-as "$(printf 'Ottilie %.0s' {1..20})" --worker worker-of-a-very-long-name >/dev/null
    check "log lines up, whoever wrote" lined_up "introduction: |note: " 9 < <(on_a_terminal 200 log --site salford)
    check "the match is bold" grep -q $'\e\\[1mtenancy\e\\[0m' <(COLUMNS=80 script -qec "'$B/felloe' --dir '$work/l1' search tenancy" /dev/null)
    check "what runs from right to left is set apart" grep -q $'\u2067שרה לוי\u2069' <(COLUMNS=80 script -qec "'$B/felloe' --dir '$work/l1' search landlord" /dev/null)
else
    skip "tables on a terminal: there is no script(1) here"
fi

# ---- 500 case notes ----
if [ -r "$notes" ]; then
    "$root/tests/lib/case_notes.sh" "$notes" >"$work/notes.jsonl"
    check_equal "each case note is an introduction and a note" 1000 "$(jq -c . "$work/notes.jsonl" | wc -l)"
    check_exit 0 "they are imported" at l3 import "$work/notes.jsonl"
    text() { jq -r 'select(.type == "note.added").data.text' "$work/notes.jsonl"; }
    for word in eviction CHILDCARE "job search"; do
        check_equal "\"$word\" is found as often as it is there" "$(text | grep -ciF "$word")" "$(count l3 "\"$word\"")"
    done
    check_equal "words in any order" "$(text | grep -i housing | grep -ic crisis)" "$(count l3 crisis housing)"
    check_equal "names come before notes" '"Angela Martinez"' "$(json l3 '.rows[0].person[0]' search martinez angela)"
    check_equal "every text is whole" "$(text | sort | sha256sum)" "$(at l3 export - | jq -r 'select(.type == "note.added" and .source != "" and (.subject != null)).data.text' | sort | comm -12 - <(text | sort) | sha256sum)"
    check "all of it comes to the second laptop" wait_until 60 converged hub l2 l3
    check_equal "who finds the same there" "$(count l3 eviction)" "$(count l2 eviction)"
    check_equal "and has it as news, all of it late" '[1000,true]' \
        "$(json l2 '[.rows[] | select(.who | endswith("-worker"))] | [length, all(.[]; .late)]' news)"
    check "tables line up" lined_up "$id" 19 < <(at l3 search eviction)
else
    skip "500 case notes: $notes is not here"
fi
finish
