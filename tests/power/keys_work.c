/* SPDX-License-Identifier: Apache-2.0 */
/* felloe-power --keys DIR, to be recorded: keys come and are erased in DIR's keyring, and what became of each is said
 * on a local socket, as a daemon would say it. */
#include "tests/power/power.h"

#include <sodium.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/store/identity.h"
#include "daemon/store/keyring.h"
#include "daemon/store/vault.h"

#define KEYS   24
#define ERASED 3 /* at a time */

static bool say(int socket, const char *what, const struct key_record *key)
{
    uint8_t line[KEY_WORDS + 16] = {0};
    memcpy(line, what, strlen(what));
    memcpy(line + KEY_WORDS, key->id.b, sizeof key->id.b);
    return send(socket, line, sizeof line, 0) == sizeof line;
}

static bool work(struct keyring *keyring, int socket)
{
    struct key_record keys[KEYS] = {0};
    bool fine = true;
    for (size_t i = 0; i < KEYS && fine; i++) {
        keys[i].kind = KEY_PERSON;
        randombytes_buf(&keys[i].id, sizeof keys[i].id);
        randombytes_buf(&keys[i].key, sizeof keys[i].key);
        memcpy(keys[i].owner.b, keys[i].id.b, sizeof keys[i].owner.b);
        snprintf(keys[i].site, sizeof keys[i].site, "salford");
        fine = keyring_add(keyring, &keys[i], 1, NULL) == FELLOE_OK && say(socket, KEY_KEPT, &keys[i]);
        if (!fine || i % 6 != 5)
            continue;
        struct key_id ids[ERASED];
        for (size_t k = 0; k < ERASED; k++) {
            ids[k] = keys[i - k].id;
            fine = fine && say(socket, KEY_ERASING, &keys[i - k]);
        }
        fine = fine && keyring_erase(keyring, ids, ERASED, NULL) == FELLOE_OK;
        for (size_t k = 0; k < ERASED; k++)
            fine = fine && say(socket, KEY_ERASED, &keys[i - k]);
    }
    return fine;
}

int keys_work(const char *dir)
{
    struct identity identity;
    struct keyring *keyring;
    struct felloe_error error = {0};
    int sockets[2];
    const struct vault_opening opening = {.dir = dir, .now_ms = 1};
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0 ||
        vault_open_directory(&opening, &identity, NULL, &error) != FELLOE_OK ||
        keyring_open(&keyring, dir, identity.keyring_key, &error) != FELLOE_OK) {
        fprintf(stderr, "felloe-power: %s: %s\n", dir, error.message);
        return 2;
    }
    bool fine = work(keyring, sockets[0]);
    keyring_close(keyring);
    identity_clear(&identity);
    return fine ? 0 : 1;
}
