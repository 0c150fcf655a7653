/* SPDX-License-Identifier: Apache-2.0 */
/* People's own keys that were opened lately: a view opens the rows of hundreds of people, and opening a key costs more
 * than opening a row. In locked memory, or not at all.
 *
 * Nothing in here outlives its row: keys are put in by readers alone, while they have their transaction open, and what
 * deletes rows clears it afterwards, when no reader from before is left. */
#include <sodium.h>
#include <stdlib.h>

#include "daemon/store/keyring_inside.h"

/* 256 KiB: as many people as a large team's views are about. Each key has one place. */
#define OPENED_KEYS 4096u

struct opened_key {
    uint8_t id[16], key[DATA_KEY_SIZE];
    uint16_t site;  /* the number of its site plus 1, in `sites`; 0: nothing is here */
};

struct keyring_opened {
    pthread_mutex_t mutex;
    char sites[SITES_MAX][SLUG_MAX + 1];
    uint16_t site_count;
    struct opened_key keys[OPENED_KEYS];
};

struct keyring_opened *keyring_opened_new(void)
{
    struct keyring_opened *opened = calloc(1, sizeof *opened);
    if (opened && sodium_mlock(opened->keys, sizeof opened->keys) != 0) {
        free(opened);
        opened = NULL;
    }
    if (opened)
        pthread_mutex_init(&opened->mutex, NULL);
    return opened;
}

void keyring_opened_free(struct keyring_opened *opened)
{
    if (!opened)
        return;
    pthread_mutex_destroy(&opened->mutex);
    sodium_munlock(opened->keys, sizeof opened->keys); /* wipes them */
    free(opened);
}

/* The end of an id is random. */
static struct opened_key *place_of(struct keyring_opened *opened, const struct key_id *id)
{
    return &opened->keys[((unsigned)id->b[14] << 8 | id->b[15]) % OPENED_KEYS];
}

bool keyring_opened_get(struct keyring_opened *opened, const struct key_id *id, struct key_record *out)
{
    if (!opened)
        return false;
    pthread_mutex_lock(&opened->mutex);
    const struct opened_key *place = place_of(opened, id);
    const bool found = place->site != 0 && memcmp(place->id, id->b, sizeof place->id) == 0;
    if (found) {
        *out = (struct key_record){.id = *id, .kind = KEY_PERSON};
        memcpy(out->owner.b, id->b, sizeof out->owner.b);
        memcpy(out->site, opened->sites[place->site - 1], sizeof out->site);
        memcpy(out->key.b, place->key, sizeof out->key.b);
    }
    pthread_mutex_unlock(&opened->mutex);
    return found;
}

static uint16_t site_number(struct keyring_opened *opened, const char *site)
{
    uint16_t i = 0;
    while (i < opened->site_count && strcmp(opened->sites[i], site) != 0)
        i++;
    if (i == SITES_MAX)
        return 0;
    if (i == opened->site_count)
        memcpy(opened->sites[opened->site_count++], site, strlen(site) + 1);
    return (uint16_t)(i + 1);
}

void keyring_opened_put(struct keyring_opened *opened, const struct key_record *record)
{
    if (!opened || record->kind != KEY_PERSON || memcmp(record->owner.b, record->id.b, sizeof record->owner.b) != 0)
        return;
    pthread_mutex_lock(&opened->mutex);
    struct opened_key *place = place_of(opened, &record->id);
    const uint16_t site = site_number(opened, record->site);
    if (site != 0) {
        place->site = site;
        memcpy(place->id, record->id.b, sizeof place->id);
        memcpy(place->key, record->key.b, sizeof place->key);
    }
    pthread_mutex_unlock(&opened->mutex);
}

void keyring_opened_clear(struct keyring *keyring)
{
    struct keyring_opened *opened = keyring->opened;
    if (!opened)
        return;
    pthread_rwlock_wrlock(&keyring->lock); /* until readers from before have ended */
    pthread_mutex_lock(&opened->mutex);
    sodium_memzero(opened->keys, sizeof opened->keys);
    pthread_mutex_unlock(&opened->mutex);
    pthread_rwlock_unlock(&keyring->lock);
}
