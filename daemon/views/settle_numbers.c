/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of what is to settle; see settle_numbers.h. Entry i has number i + 1; buckets lead from a hash to them. */
#include "daemon/views/settle_numbers.h"

#include <pthread.h>
#include <stdlib.h>

#define BUCKETS 1024u

struct entry {
    struct settle_name name;
    uint32_t next;             /* the number of the next one in the bucket; 0: none */
};

struct settle_numbers {
    pthread_mutex_t mutex;
    struct entry **entries;    /* each of its own, so that a name that was handed out stays where it is */
    size_t count, cap;
    uint32_t buckets[BUCKETS]; /* numbers */
};

struct settle_numbers *settle_numbers_new(void)
{
    struct settle_numbers *numbers = calloc(1, sizeof *numbers);
    if (numbers)
        pthread_mutex_init(&numbers->mutex, NULL);
    return numbers;
}

void settle_numbers_free(struct settle_numbers *numbers)
{
    if (!numbers)
        return;
    for (size_t i = 0; i < numbers->count; i++)
        free(numbers->entries[i]);
    free(numbers->entries);
    pthread_mutex_destroy(&numbers->mutex);
    free(numbers);
}

/* FNV-1a: a person's id is random already, a key is short. */
static uint32_t hash(const struct person_id *person, struct bytes key)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < sizeof person->b; i++)
        h = (h ^ person->b[i]) * 16777619u;
    for (size_t i = 0; i < key.len; i++)
        h = (h ^ key.data[i]) * 16777619u;
    return h % BUCKETS;
}

static bool is_it(const struct settle_name *name, struct bytes site, const struct person_id *person, struct bytes key)
{
    return person_id_equal(&name->person, person) && bytes_equal(name->key, key) && bytes_is(site, name->site);
}

static uint32_t add(struct settle_numbers *numbers, struct bytes site, const struct person_id *person, struct bytes key,
                    uint32_t *bucket)
{
    if (numbers->count == numbers->cap) {
        size_t cap = numbers->cap ? numbers->cap * 2 : 64;
        struct entry **grown = realloc(numbers->entries, cap * sizeof *grown);
        if (!grown)
            return 0;
        numbers->entries = grown;
        numbers->cap = cap;
    }
    struct entry *entry = calloc(1, sizeof *entry + key.len);
    if (!entry || !bytes_to_text(site, entry->name.site, sizeof entry->name.site)) {
        free(entry);
        return 0;
    }
    uint8_t *copy = (uint8_t *)(entry + 1);
    if (key.len > 0)
        memcpy(copy, key.data, key.len);
    entry->name.key = bytes_of(copy, key.len);
    entry->name.person = *person;
    entry->next = *bucket;
    numbers->entries[numbers->count++] = entry;
    return *bucket = (uint32_t)numbers->count;
}

uint32_t settle_number_of(struct settle_numbers *numbers, struct bytes site, const struct person_id *person,
                          struct bytes key)
{
    if (!numbers)
        return 0;
    pthread_mutex_lock(&numbers->mutex);
    uint32_t *bucket = &numbers->buckets[hash(person, key)], number = *bucket;
    while (number != 0 && !is_it(&numbers->entries[number - 1]->name, site, person, key))
        number = numbers->entries[number - 1]->next;
    if (number == 0)
        number = add(numbers, site, person, key, bucket);
    pthread_mutex_unlock(&numbers->mutex);
    return number;
}

bool settle_number_find(struct settle_numbers *numbers, int64_t number, struct settle_name *out)
{
    if (!numbers)
        return false;
    pthread_mutex_lock(&numbers->mutex);
    bool found = number > 0 && (uint64_t)number <= numbers->count;
    if (found)
        *out = numbers->entries[number - 1]->name;
    pthread_mutex_unlock(&numbers->mutex);
    return found;
}
