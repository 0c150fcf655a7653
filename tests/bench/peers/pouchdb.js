// SPDX-License-Identifier: Apache-2.0
/* PouchDB, as a laptop and as a hub (express-pouchdb), both on LevelDB: to measure it beside Felloe.
 *
 *   node pouchdb.js hub PORT DIR                               serves until it is ended
 *   node pouchdb.js append DIR BYTES CLIENTS BATCH SECONDS     documents a second
 *   node pouchdb.js fill DIR BYTES COUNT
 *   node pouchdb.js push DIR URL COUNT                         documents a second, to a database that is not there yet
 *   node pouchdb.js pull DIR URL COUNT                         the same, from the hub's
 *
 * The modules are looked for where PEER_MODULES says. */
'use strict';
const path = require('path');
const modules = path.join(process.env.PEER_MODULES, 'node_modules');
const PouchDB = require(path.join(modules, 'pouchdb'));
let made = 0;
const seconds = (begun) => Number(process.hrtime.bigint() - begun) / 1e9;

// Ids in the order of time, as PouchDB's users are told to choose them.
function documents(count, bytes) {
    const text = 'x'.repeat(bytes);
    return Array.from({ length: count }, () => ({ _id: Date.now().toString(36) + '-' + String(made++).padStart(9, '0'), text }));
}

async function append(dir, bytes, clients, batch, limit) {
    const db = new PouchDB(dir);
    await db.info();
    let count = 0;
    const begun = process.hrtime.bigint();
    const client = async () => {
        while (seconds(begun) < limit) {
            if (batch === 1) await db.put(documents(1, bytes)[0]);
            else if ((await db.bulkDocs(documents(batch, bytes))).some((one) => one.error)) throw new Error('not taken');
            count += batch;
        }
    };
    await Promise.all(Array.from({ length: clients }, client));
    console.log('documents', count / seconds(begun), '/s');
    await db.close();
}

async function fill(dir, bytes, count) {
    const db = new PouchDB(dir);
    for (let done = 0; done < count; done += 1000) await db.bulkDocs(documents(Math.min(1000, count - done), bytes));
    await db.close();
}

async function replicate(way, dir, url, count) {
    const db = new PouchDB(dir);
    await db.info();
    const begun = process.hrtime.bigint();
    const result = await db.replicate[way](new PouchDB(url), { batch_size: 1000, batches_limit: 10 });
    if (!result.ok || result.docs_written < count) throw new Error('only ' + result.docs_written + ' came');
    console.log('documents', result.docs_written / seconds(begun), '/s');
    await db.close();
}

function hub(port, dir) {
    const app = require(path.join(modules, 'express'))();
    const Databases = PouchDB.defaults({ prefix: dir + '/' });
    const mode = { mode: 'minimumForPouchDB', configPath: dir + '/config.json', logPath: dir + '/log.txt' };
    app.use('/', require(path.join(modules, 'express-pouchdb'))(Databases, mode));
    app.listen(Number(port), '127.0.0.1', () => console.log('up'));
}

const [verb, ...given] = process.argv.slice(2);
const numbers = given.slice(1).map(Number);
const verbs = {
    hub: () => hub(given[0], given[1]),
    append: () => append(given[0], ...numbers),
    fill: () => fill(given[0], ...numbers),
    push: () => replicate('to', given[0], given[1], Number(given[2])),
    pull: () => replicate('from', given[0], given[1], Number(given[2])),
};
Promise.resolve(verbs[verb]()).catch((error) => {
    console.error('pouchdb.js:', error.message);
    process.exit(1);
});
