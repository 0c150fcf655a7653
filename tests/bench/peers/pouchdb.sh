# SPDX-License-Identifier: Apache-2.0
# PouchDB on LevelDB, replicating to express-pouchdb: what many offline-first health records are made of.
# shellcheck shell=bash disable=SC2034,SC2154
asked[pouchdb]="documents with a revision and an MD5, acknowledged after LevelDB's write, without fsync (it has no setting for it); for the backlog, replication over HTTP to express-pouchdb, 1,000 documents a batch, not encrypted, nothing verified (for a new laptop the other way); a tenth of the others' backlog, for the time it takes"
durable[pouchdb async]="no"
missing_pouchdb() {
    command -v node >/dev/null && command -v npm >/dev/null || { echo "node and npm are not here"; return 0; }
    export PEER_MODULES=$B/peers-pouchdb
    cmp -s "$here/package.json" "$PEER_MODULES/package.json" && [ -d "$PEER_MODULES/node_modules/pouchdb" ] && return 1
    echo "its modules are not installed (npm)"
}
version_pouchdb() { jq -r .version "$B/peers-pouchdb/node_modules/pouchdb/package.json"; }
modes_pouchdb() { echo async; }
pouch() { PEER_MODULES=$B/peers-pouchdb node "$here/pouchdb.js" "$@"; }
# node itself, not a function, so that the server is what is ended.
round_pouchdb() { # MODE DIR
    local dir=$2 hub code=0
    hub=$(free_port)
    mkdir -p "$dir/laptop" "$dir/hub"
    export PEER_MODULES=$B/peers-pouchdb
    took pouchdb async one "$(number pouch append "$dir/laptop/append" "$bytes" 1 1 "$each")" &&
        took pouchdb async many "$(number pouch append "$dir/laptop/append" "$bytes" 64 1 "$each")" &&
        took pouchdb async bulk "$(number pouch append "$dir/laptop/append" "$bytes" 1 1000 "$each")" &&
        pouch fill "$dir/laptop/edge" "$bytes" $((events / 10)) &&
        serve pouchdb-hub "$hub" node "$here/pouchdb.js" hub "$hub" "$dir/hub" &&
        took pouchdb async backlog \
            "$(number pouch push "$dir/laptop/edge" "http://127.0.0.1:$hub/edge" $((events / 10)))" &&
        took pouchdb async newcomer \
            "$(number pouch pull "$dir/laptop/new" "http://127.0.0.1:$hub/edge" $((events / 10)))" || code=1
    ended pouchdb-hub
    return $code
}
