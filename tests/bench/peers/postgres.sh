# SPDX-License-Identifier: Apache-2.0
# PostgreSQL: rows into a table, a subscription that brings them to a second server by logical replication.
# shellcheck shell=bash disable=SC2034,SC2154
asked[postgres]="rows of a number and a text, acknowledged after their commit is on disk (durable: synchronous_commit on) or before (async: off); bulk is COPY, 1,000 rows a transaction; for the backlog, a subscription that was off is turned on, and applies the transactions with the same setting, not encrypted, nothing verified"
durable[postgres durable]="yes, on both sides"
durable[postgres async]="no"
postgres_bin=/usr/lib/postgresql/15/bin
missing_postgres() {
    [ -x $postgres_bin/postgres ] || { echo "PostgreSQL 15 is not installed"; return 0; }
    [ "$(id -u)" != 0 ] || id postgres >/dev/null 2>&1 || { echo "there is no user postgres to run it as"; return 0; }
    return 1
}
version_postgres() { $postgres_bin/postgres --version | awk '{ print $3 }'; }
modes_postgres() { echo durable async; }
# Its server refuses to run as root.
unprivileged=()
[ "$(id -u)" != 0 ] || unprivileged=(setpriv --reuid=postgres --regid=postgres --clear-groups)
# (md5, because 64 clients who prove a password properly take the processor for seconds.)
postgres_new() { # NAME PORT DIR
    "${unprivileged[@]}" $postgres_bin/initdb -D "$3" -U bench -A md5 --pwfile="$secret_file" -E UTF8 \
        --locale=C >/dev/null || return 1
    serve "$1" "$2" "${unprivileged[@]}" $postgres_bin/postgres -D "$3" -p "$2" -k '' -c listen_addresses=127.0.0.1 \
        -c wal_level=logical -c wal_retrieve_retry_interval=10ms -c max_connections=100 -c "synchronous_commit=$commits"
}
sql() { # PORT WORDS
    PGPASSWORD=$PEER_SECRET psql -h 127.0.0.1 -p "$1" -U bench -d postgres -XqAt -v ON_ERROR_STOP=1 -c "$2"
}
insert() { # PORT CLIENTS
    PGPASSWORD=$PEER_SECRET $postgres_bin/pgbench -h 127.0.0.1 -p "$1" -U bench -n -M prepared -c "$2" -j 1 \
        -D body="$body" -f "$dir/insert.sql" -T "$each" postgres 2>>"$work/postgres-laptop.log" | awk '/^tps/ { print $3 }'
}
copy() { # PORT
    PGPASSWORD=$PEER_SECRET psql -h 127.0.0.1 -p "$1" -U bench -d postgres -Xq -v ON_ERROR_STOP=1 -f "$dir/rows.sql"
}
holds_rows() { [ "$(sql "$1" 'SELECT count(*) FROM events')" = "$events" ]; }
turn_on() { sql "$1" 'ALTER SUBSCRIPTION hub ENABLE' && wait_until 600 holds_rows "$1"; }
round_postgres() { # MODE DIR
    local mode=$1 dir=$2 laptop hub body commits=on code=0 secret_file table
    [ "$mode" = durable ] || commits=off
    laptop=$(free_port) hub=$(free_port) body=$(printf '%*s' "$bytes" '' | tr ' ' x) secret_file=$2/secret
    table='CREATE TABLE events (number bigserial PRIMARY KEY, body text NOT NULL)'
    # The user it runs as has to reach its directories.
    chmod 711 "$work" && mkdir -p "$dir" && echo "$PEER_SECRET" >"$secret_file" || return 1
    [ "$(id -u)" != 0 ] || chown -R postgres "$dir"
    echo "INSERT INTO events (body) VALUES (:body);" >"$dir/insert.sql"
    awk -v rows="$events" -v body="$body" 'BEGIN {
        for (done = 0; done < rows; done += some) {
            some = rows - done < 1000 ? rows - done : 1000
            print "COPY events (body) FROM STDIN;"
            for (i = 0; i < some; i++) print body
            print "\\."
        } }' >"$dir/rows.sql"
    postgres_new postgres-laptop "$laptop" "$dir/laptop" && postgres_new postgres-hub "$hub" "$dir/hub" &&
        sql "$laptop" "$table" && sql "$hub" "$table" &&
        took postgres "$mode" one "$(insert "$laptop" 1)" &&
        took postgres "$mode" many "$(insert "$laptop" 64)" &&
        sql "$laptop" 'TRUNCATE events RESTART IDENTITY' && sql "$laptop" 'CREATE PUBLICATION laptop FOR TABLE events' &&
        sql "$hub" "CREATE SUBSCRIPTION hub CONNECTION 'host=127.0.0.1 port=$laptop user=bench dbname=postgres
            password=$PEER_SECRET' PUBLICATION laptop WITH (copy_data = false, synchronous_commit = $commits)" \
            2>/dev/null && sql "$hub" 'ALTER SUBSCRIPTION hub DISABLE' &&
        rate_of "$events" copy "$laptop" && took postgres "$mode" bulk "$rate" &&
        rate_of "$events" turn_on "$hub" && took postgres "$mode" backlog "$rate" || code=1
    ended postgres-hub postgres-laptop
    return $code
}
