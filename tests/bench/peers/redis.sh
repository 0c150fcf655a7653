# SPDX-License-Identifier: Apache-2.0
# Redis streams: XADD to a server with an append-only file; a replica that comes to have all of it.
# shellcheck shell=bash disable=SC2034,SC2154
asked[redis]="XADD into memory and an append-only file, acknowledged after fsync (durable: appendfsync always) or before (async: everysec); for the backlog, a new replica copies a snapshot of everything (durable: until its append-only file is written), not encrypted, nothing verified, and what a replica has written itself is lost by it"
durable[redis durable]="yes; the replica's later"
durable[redis async]="no"
missing_redis() {
    local program
    for program in redis-server redis-cli redis-benchmark; do
        command -v $program >/dev/null || { echo "$program is not installed"; return 0; }
    done
    return 1
}
version_redis() { redis-server --version | sed 's/.* v=\([^ ]*\).*/\1/'; }
modes_redis() { echo durable async; }
redis_at() { REDISCLI_AUTH=$PEER_SECRET redis-cli -p "$@"; }
redis_new() { # NAME PORT DIR FSYNC
    mkdir -p "$3"
    printf '%s\n' "port $2" 'bind 127.0.0.1' "dir $3" 'appendonly yes' "appendfsync $4" 'save ""' \
        "requirepass $PEER_SECRET" "masterauth $PEER_SECRET" 'repl-diskless-sync-delay 0' >"$3/redis.conf"
    chmod 600 "$3/redis.conf"
    serve "$1" "$2" redis-server "$3/redis.conf"
}
# xadd PORT STREAM CLIENTS AT-ONCE COUNT: how many a second
xadd() {
    REDISCLI_AUTH=$PEER_SECRET redis-benchmark -p "$1" -a "$PEER_SECRET" -c "$3" -P "$4" -n "$5" --csv \
        XADD "$2" '*' body "$body" 2>/dev/null | tail -1 | awk -F '","' '{ print $2 }'
}
replicated() { # PORT COUNT WHOLE
    local info
    info=$(redis_at "$1" info replication; redis_at "$1" info persistence)
    [[ $info = *master_link_status:up* ]] && [ "$(redis_at "$1" xlen edge)" = "$2" ] &&
        { [ -z "$3" ] || [[ $info = *aof_rewrite_in_progress:0* && $info = *aof_rewrite_scheduled:0* ]]; }
}
follow() { # PORT OF COUNT WHOLE
    redis_at "$1" replicaof 127.0.0.1 "$2" && wait_until 600 replicated "$1" "$3" "$4"
}
round_redis() { # MODE DIR
    local mode=$1 dir=$2 laptop hub body fsync=always whole=1 code=0 unit=1
    [ "$mode" = durable ] || fsync=everysec whole='' unit=8
    laptop=$(free_port) hub=$(free_port) body=$(printf '%*s' "$bytes" '' | tr ' ' x)
    redis_new redis-laptop "$laptop" "$dir/laptop" $fsync && redis_new redis-hub "$hub" "$dir/hub" $fsync &&
        took redis "$mode" one "$(xadd "$laptop" append 1 1 $((each * unit * 2000)))" &&
        took redis "$mode" many "$(xadd "$laptop" append 64 1 $((each * 40000)))" &&
        took redis "$mode" bulk "$(xadd "$laptop" append 1 1000 $((each * 100000)))" &&
        redis_at "$laptop" del append >/dev/null && xadd "$laptop" edge 1 1000 "$events" >/dev/null &&
        rate_of "$events" follow "$hub" "$laptop" "$events" "$whole" && took redis "$mode" backlog "$rate" || code=1
    ended redis-laptop redis-hub
    return $code
}
