# SPDX-License-Identifier: Apache-2.0
# What is measured, a function a figure; run sources it. Each takes its samples and judges them.
# shellcheck shell=bash disable=SC2034,SC2154
all_figures=(record-one record-clients record-bulk import backlog newcomer live rebuild view memory seal costs)

# A hub and a laptop that knows it; the hub is stopped again, so that recording is measured alone.
alone() {
    rm -rf "$work/hub" "$work/l1"
    hub_new hub salford && start hub && laptop_new l1 hub amy salford && stop hub && start l1
}
forget() {
    local name
    for name; do
        [ -z "${pid[$name]:-}" ] || stop "$name"
        rm -rf "${work:?}/$name"
    done
}

# in_turns FIGURE one|clients|bulk: recording and its limit in slices, the one's and the other's turn about (turns.c).
in_turns() {
    local i lines
    alone || return 1
    for ((i = 0; i < rounds; i++)); do
        lines=$("$bench" turns "$work/l1" "$work/raw" "$2" "$each") && rm -rf "$work/raw" || return 1
        sample "$1" "$(line events <<<"$lines")" /s "$(line limit <<<"$lines")" "$(line ratio <<<"$lines")"
        stalls "$1" "$lines"
        progress "    ratios of slices from $(line least <<<"$lines") to $(line most <<<"$lines")"
    done
    forget l1
}
figure_record_one() {
    in_turns record-one one || return 1
    judge record-one "ratio >= 0.85" "record one by one, one client, durable; against LMDB at one row a commit"
}
figure_record_clients() {
    in_turns record-clients clients || return 1
    judge record-clients "ratio >= 20" "record, 64 clients; against one client"
}
figure_record_bulk() {
    in_turns record-bulk bulk || return 1
    judge record-bulk "ratio >= 0.40" "append through the client library, 1,000 a batch; against LMDB at 1,000 rows a commit"
}

# generated COUNT: a file of so many generated lines, made once.
generated() {
    [ -s "$work/$1.jsonl" ] || "$B/felloe-generate" --seed 1 --events "$1" --sites salford >"$work/$1.jsonl" || return 1
    echo "$work/$1.jsonl"
}

# What has a natural end is held against its limit measured before it and after it.
mean() { jq -n "($1 + $2) / 2"; }

figure_import() {
    local i lines before after
    lines=$(generated $((events / 5))) || return 1
    before=$(number "$bench" parse "$lines") || return 1
    for ((i = 0; i < rounds; i++)); do
        alone || return 1
        rate_of $((events / 5)) at l1 import "$lines" || return 1
        forget l1
        after=$(number "$bench" parse "$lines") || return 1
        sample import "$rate" /s "$(mean "$before" "$after")"
        before=$after
    done
    judge import "ratio >= 0.4" "import of JSON lines, end to end; against jansson alone on the same file"
}

# An offline laptop with that many events (300 B bodies come from the generator's lives; notes of about that size).
filled() {
    alone || return 1
    at l1 import "$(generated "$events")" >/dev/null && wait_until 600 folded l1
}
folded() { [ "$(json "$1" '.folded == .total' status)" = true ]; }

# moves NAME shared|received: how many a second, in $rate: from the moment when the hub, which is held while the laptop
# starts, goes on, to the last event's. The laptop's log is looked at from outside: asking it would cost what is measured.
moves() {
    local watch begun code used=()
    freeze hub
    start "$1" || { thaw hub; return 1; }
    used=("$(processor_us "$1")" "$(processor_us hub)")
    "$bench" reached "$work/$1" "$2" "$events" 600 >"$work/moves" 2>"$work/moves.err" &
    watch=$!
    wait_until 10 grep -q . "$work/moves.err"
    begun=$(now_us)
    thaw hub
    wait "$watch"
    code=$? rate=$((events * 1000000 / ($(now_us) - begun)))
    [ $code = 0 ] || { cat "$work/moves.err" >&2; return 1; }
    progress "    (from the first event on $(number cat "$work/moves") /s; processor time an event: laptop" \
        "$(((($(processor_us "$1") - used[0])) * 1000 / events)) ns," \
        "hub $(((($(processor_us hub) - used[1])) * 1000 / events)) ns)"
}
# The bare road, while nothing else is done: in $road.
bare_road() {
    road=$(number "$bench" road "$work/road" "$events" 300) && rm -rf "$work/road"
}
# road_beside FIGURE RATE: a round's, against the road before and after; and what the disk does.
road_beside() {
    local before=$road
    bare_road || return 1
    sample "$1" "$2" /s "$(mean "$before" "$road")"
    stalls "$1" "$("$bench" commit "$work/raw" 300 1 1)"
    rm -rf "$work/raw"
}
figure_backlog() {
    local i road
    bare_road || return 1
    for ((i = 0; i < rounds; i++)); do
        filled || return 1
        stop l1 # which would wait longer and longer before it tries again to connect
        start hub && moves l1 shared && wait_until 600 folded hub && wait_until 600 folded l1 || return 1
        road_beside backlog "$rate" || return 1
        [ "$i" -lt $((rounds - 1)) ] && forget l1 hub
    done
    judge backlog "ratio >= 0.7" "a backlog, laptop to hub, verified, durable at the hub; against the bare road"
}

figure_newcomer() {
    local i road
    is_up hub || { filled && start hub && wait_until 600 shared l1 && wait_until 600 folded hub || return 1; }
    stop l1
    bare_road || return 1
    for ((i = 0; i < rounds; i++)); do
        laptop_new "n$i" hub bea salford && moves "n$i" received && wait_until 600 folded "n$i" || return 1
        forget "n$i"
        road_beside newcomer "$rate" || return 1
    done
    judge newcomer "ratio >= 0.7" "hub to a new laptop, verified, durable there; against the bare road"
    forget l1 hub
}

figure_live() {
    local i lines
    forget l1 l2 hub
    hub_new hub salford && start hub && laptop_new l1 hub amy salford && laptop_new l2 hub bea salford || return 1
    start l1 && start l2 || return 1
    for ((i = 0; i < rounds; i++)); do
        lines=$("$bench" live "$work/l1" "$work/l2" "$work/raw" 200) && rm -rf "$work/raw" || return 1
        sample live-p50 "$(line live-p50 <<<"$lines")" ms "$(jq -n "$(line three-commits-p50 <<<"$lines") + 2")"
        sample live-p99 "$(line live-p99 <<<"$lines")" ms "$(line live-p50 <<<"$lines")"
        sample live-disk "$(line three-commits-p99 <<<"$lines")" ms "$(line three-commits-p50 <<<"$lines")"
        stalls live-p50 "$lines" && stalls live-p99 "$lines"
    done
    judge live-p50 "ratio <= 1" "recorded on one laptop, in the story on another; against three commits and 2 ms"
    judge live-p99 "ratio <= 10" "its 99th percentile; against its median"
    judge live-disk "" "three commits of LMDB's in turns with it, their 99th percentile; against their median"
    forget l1 l2 hub
}

figure_rebuild() {
    local i before after
    filled && stop l1 || return 1
    mkdir -p "$work/image" && ln -sfn "$work/l1" "$work/image/l1"
    before=$(number "$bench" scan "$work/image") || return 1
    for ((i = 0; i < rounds; i++)); do
        start l1 && rate_of "$events" at l1 rebuild || return 1
        stop l1
        after=$(number "$bench" scan "$work/image") || return 1
        sample rebuild "$rate" /s "$(mean "$before" "$after")"
        before=$after
    done
    start l1 || return 1
    judge rebuild "ratio >= 0.5" "all views rebuilt; against reading, opening and decoding every event on one thread"
    judge rebuild "value >= 250000" "all views rebuilt"
}

# crowd: a file of 10,000 people who wait at the front door; the first of them has 500 entries.
crowd() {
    [ -s "$work/crowd.jsonl" ] || awk '
        function line(id, type, who, data) {
            printf "{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"/crowd\",\"type\":\"%s\",\"subject\":\"Robin %d\",", id, type, who
            printf "\"time\":\"2026-01-05T10:00:00.000Z\",\"site\":\"salford\",\"worker\":\"nia-4\",\"data\":{%s}}\n", data
        }
        BEGIN {
            for (i = 1; i <= 10000; i++)
                line("crowd-" i, "person.introduced", i, "\"known_as\":\"Robin " i "\",\"source\":\"A1\",\"reason\":\"04\",\"urgency\":\"3\"")
            for (i = 2; i <= 500; i++)
                line("note-" i, "note.added", 1, "\"text\":\"Met at the library. Talked about the tenancy, the letter from the landlord and what to answer; they want to write it themselves and read it out on Thursday.\"")
        }' >"$work/crowd.jsonl" || return 1
    echo "$work/crowd.jsonl"
}

# Views over the socket: a page of those who wait, and the one person's story. That somebody looked is committed before
# anything is shown, so that the limit is the disk's: how long one commit of LMDB's takes, in turns with the answers.
figure_view() {
    local i person
    is_up l1 || filled || return 1
    at l1 import "$(crowd)" >/dev/null && wait_until 600 folded l1 || return 1
    person=$(at l1 show "Robin 1" --json | jq -r '.person // empty' | head -1)
    for ((i = 0; i < rounds; i++)); do
        asked_for view front-door && asked_for person person "$person" || return 1
    done
    judge view-p99 "value <= 5" "a view of 50 rows out of 10,000 people, over the socket; against the disk's own 99th percentile"
    judge person-p99 "value <= 5" "the story of one person of 500 events, over the socket; against the same"
}
asked_for() { # FIGURE VIEW [PERSON]
    local lines
    lines=$("$bench" ask "$work/l1" "$work/raw" 500 "${@:2}") && rm -rf "$work/raw" || return 1
    sample "$1-p99" "$(line "$2-p99" <<<"$lines")" ms "$(line commit-p99 <<<"$lines")"
    stalls "$1-p99" "$lines"
    progress "    $1: median $(line "$2-p50" <<<"$lines") ms"
}

# private NAME: its own memory, without mapped files, in MiB.
private() { awk '/^RssAnon/ { print $2 / 1024 }' "/proc/${pid[$1]}/status"; }
figure_memory() {
    is_up l1 || filled || return 1
    stop l1 && start l1 || return 1
    sample memory-laptop "$(private l1)" MiB
    judge memory-laptop "value <= 16" "private memory of an idle laptop with $events events"
}

# What is done with an event beside what its cipher alone takes, on one thread; of a laptop's own events.
figure_seal() {
    local i lines cipher count=$((events < 20000 ? events : 20000))
    is_up l1 || filled || return 1
    stop l1
    mkdir -p "$work/image" && ln -sfn "$work/l1" "$work/image/l1"
    for ((i = 0; i < rounds; i++)); do
        lines=$("$bench" stages "$work/image" "$work/raw" "$count") && rm -rf "$work/raw" || return 1
        cipher=$(line cipher <<<"$lines")
        sample seal "$(per_second "$(line seal <<<"$lines")")" /s "$(per_second "$cipher")"
        sample open "$(per_second "$(line open <<<"$lines")")" /s "$(per_second "$cipher")"
    done
    judge seal "" "an event is laid out and sealed; against XChaCha20-Poly1305 alone"
    judge open "" "an event is opened, and its body decoded and checked; against XChaCha20-Poly1305 alone"
    rm -rf "${work:?}/image"
    forget l1 hub
}
per_second() { awk -v ns="$1" 'BEGIN { printf "%d\n", 1e9 / ns }'; }

# What must not grow with the log: of one of 10,000 events it is measured too, in turns, and held against that. A handshake
# is a connection that is cut and made anew, in processor time of laptop and hub and in bytes, which other work on the
# machine hardly disturbs.
small_log=10000
figure_costs() {
    local i goal="" small="" small_us="" small_bytes="" used sent
    forget l0 hub0 proxy-l0
    rm -rf "${work:?}/image" "${work:?}/small"
    if [ "$events" -gt $small_log ]; then
        goal="ratio <= 1.2" small=$work/small
        connected_with $small_log l0 hub0 || return 1
    fi
    connected_with "$events" l1 hub || return 1
    for ((i = 0; i < rounds; i++)); do
        if [ -n "$small" ]; then
            handshakes l0 hub0 10 || return 1
            small_us=$used small_bytes=$sent
        fi
        handshakes l1 hub 10 || return 1
        sample cost-handshake "$used" us ${small_us:+"$small_us"}
        sample cost-handshake-bytes "$sent" B ${small_bytes:+"$small_bytes"}
    done
    [ -z "$small" ] || { stop l0 && stop hub0; }
    stop l1
    for ((i = 0; i < rounds; i++)); do starts 10 || return 1; done
    stop hub
    mkdir -p "$work/image" && ln -sfn "$work/hub" "$work/image/hub"
    for ((i = 0; i < rounds; i++)); do log_costs $small || return 1; done
    local than="${small:+; against a record of $small_log events}"
    judge cost-handshake "$goal" "a handshake, processor time of laptop and hub$than"
    judge cost-handshake-bytes "$goal" "a handshake, bytes both ways$than"
    judge cost-append "$goal" "an event is appended to the log, 1,000 a commit, without views$than"
    judge cost-read "$goal" "an event is read from the log, in order$than"
    judge cost-cursor "$goal" "a laptop's place in the log is found, compared, and read from$than"
    judge start "" "a laptop starts and looks at every page of its files: until the hub has said how far it is"
    judge start-processor "" "processor time of that laptop, from its start to its end"
    judge start-open "" "the hub's log and keyring are looked through and opened"
    rm -rf "${work:?}/image"
    forget l1 l0 hub hub0 proxy-l1 proxy-l0
}
# connected_with COUNT LAPTOP HUB: the two with so many events, with a proxy between them, at rest.
connected_with() {
    local events=$1 laptop=$2 hub=$3
    forget l1 hub proxy-l1
    filled && start hub && wait_until 600 shared l1 && wait_until 600 folded hub || return 1
    stop l1
    if [ "$hub" != hub ]; then
        stop hub
        rm -rf "${work:?}/$laptop" "${work:?}/$hub"
        mv "$work/l1" "$work/$laptop" && mv "$work/hub" "$work/$hub" && port[$hub]=${port[hub]} && start "$hub" || return 1
    fi
    through_proxy "$laptop" "$hub" && start "$laptop" && wait_until 60 reachable "$laptop" &&
        wait_until 600 folded "$laptop"
}
bytes_through() { net_count "$1" "up|down" | awk '{ s += $1 } END { print s }'; }
# Read off its journal: a daemon that is asked has more to do than to shake hands.
connections() { grep -c 'connected to the hub' "$work/$1.log"; }
connected_again() { [ "$(connections "$1")" -gt "$2" ]; }
handshakes() { # LAPTOP HUB TIMES: what one takes, in $used and $sent
    local n before
    used=$(($(processor_us "$1") + $(processor_us "$2"))) sent=$(bytes_through "$1")
    for ((n = 0; n < $3; n++)); do
        before=$(connections "$1")
        net_cut "$1"
        wait_until 60 connected_again "$1" "$before" || return 1
    done
    used=$((($(processor_us "$1") + $(processor_us "$2") - used) / $3))
    sent=$((($(bytes_through "$1") - sent) / $3))
}
starts() { # TIMES
    local lines
    lines=$("$bench" handshake "$B/felloed" "$work/l1" "$1") || return 1
    sample start "$(line handshake-p50 <<<"$lines")" ms
    sample start-processor "$(line processor <<<"$lines")" ms
}
log_costs() { # [WHERE a copy of the small log is made, so that it stays small]
    local name lines
    if [ $# = 1 ]; then
        rm -rf "$1" && mkdir "$1" && cp -r "$work/hub0" "$1/hub" || return 1
    fi
    lines=$("$bench" costs "$work/image" "$@") || return 1
    sample start-open "$(line open <<<"$lines")" ms
    for name in append read cursor; do
        sample "cost-$name" "$(line $name <<<"$lines")" ns \
            ${1:+"$(line "small-$name" <<<"$lines")" "$(line "$name-ratio" <<<"$lines")"}
    done
    rm -rf "${work:?}/small"
}
