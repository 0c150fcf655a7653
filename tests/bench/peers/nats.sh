# SPDX-License-Identifier: Apache-2.0
# NATS JetStream: a leaf node with a stream in files, a hub whose stream has that one as its source.
# shellcheck shell=bash disable=SC2034,SC2154
asked[nats]="writes to files and acknowledges after the write, without fsync (it does that every two minutes; this version has no setting for it); for the backlog, plain text from leaf to hub: a stream whose source is the leaf's, not encrypted, nothing verified; for a new laptop, a stream on a new leaf whose source is the hub's; events sent at once wait for no batch (bulk: 1,000 under way)"
durable[nats async]="no"
missing_nats() {
    command -v nats-server >/dev/null || { echo "nats-server is not installed"; return 0; }
    [ -x "$B/felloe-nats" ] || { echo "$B/felloe-nats is not built"; return 0; }
    return 1
}
version_nats() { nats-server --version | sed 's/.*v//'; }
modes_nats() { echo async; }
stream() { # NAME FURTHER
    printf '{"name":"%s","storage":"file","num_replicas":1,"retention":"limits","discard":"old","max_consumers":-1,' "$1"
    printf '"max_msgs":-1,"max_bytes":-1,"max_age":0,"max_msg_size":-1,%s}' "$2"
}
create() { # PORT NAME FURTHER
    "$B/felloe-nats" request "$1" "\$JS.API.STREAM.CREATE.$2" "$(stream "$2" "$3")" | jq -e '.error == null' >/dev/null
}
linked() { grep -q 'Leafnode connection created' "$1"; }
round_nats() { # MODE DIR
    local dir=$2 leaf hub new inner client=$B/felloe-nats code=0
    leaf=$(free_port) hub=$(free_port) new=$(free_port) inner=$(free_port)
    mkdir -p "$dir"
    cat >"$dir/hub.conf" <<END
listen: 127.0.0.1:$hub
server_name: hub
jetstream { store_dir: "$dir/hub", domain: hub }
authorization { user: bench, password: "$PEER_SECRET" }
leafnodes { listen: "127.0.0.1:$inner", authorization { user: bench, password: "$PEER_SECRET" } }
END
    leaf_conf leaf "$leaf" && leaf_conf new "$new" || return 1
    chmod 600 "$dir"/*.conf
    serve nats-leaf "$leaf" nats-server -c "$dir/leaf.conf" && create "$leaf" APPEND '"subjects":["append.>"]' &&
        create "$leaf" EDGE '"subjects":["edge.>"]' &&
        took nats async one "$(number "$client" publish "$leaf" append.a "$bytes" 1 1 "$each")" &&
        took nats async many "$(number "$client" publish "$leaf" append.a "$bytes" 64 1 "$each")" &&
        took nats async bulk "$(number "$client" publish "$leaf" append.a "$bytes" 1 1000 "$each")" &&
        "$client" fill "$leaf" edge.a "$bytes" "$events" &&
        serve nats-hub "$hub" nats-server -c "$dir/hub.conf" && wait_until 60 linked "$work/nats-hub.log" &&
        rate_of "$events" come_together "$hub" leaf EDGE ALL && took nats async backlog "$rate" &&
        serve nats-new "$new" nats-server -c "$dir/new.conf" && wait_until 60 linked "$work/nats-new.log" &&
        rate_of "$events" come_together "$new" hub ALL MINE && took nats async newcomer "$rate" || code=1
    ended nats-new nats-leaf nats-hub
    return $code
}
leaf_conf() { # NAME PORT
    cat >"$dir/$1.conf" <<END
listen: 127.0.0.1:$2
server_name: $1
jetstream { store_dir: "$dir/$1", domain: $1 }
authorization { user: bench, password: "$PEER_SECRET" }
leafnodes { remotes [ { url: "nats://bench:$PEER_SECRET@127.0.0.1:$inner" } ] }
END
}
# (The names of round_nats hold here.)
come_together() { # PORT, DOMAIN and NAME of the source, NAME
    create "$1" "$4" '"sources":[{"name":"'"$3"'","external":{"api":"$JS.'"$2"'.API","deliver":""}}]' &&
        timeout 600 "$client" await "$1" "$4" "$events"
}
