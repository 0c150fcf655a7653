/* SPDX-License-Identifier: Apache-2.0 */
/* From "saved" asked for on one laptop to the note in the person's story on another, both connected: TIMES notes, one
 * after the other. In turns with them three commits of LMDB's, one after the other: the disk's part of the way is at
 * least that long, for the note is durable on three machines before it is seen. */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "felloe/client.h"
#include "tests/bench/bench.h"
#include "tests/bench/raw.h"

#define SLICE 20u
#define QUIET_MS 100 /* what follows a note (receipts, views of all three) is not to be taken for the disk */

struct live {
    const char *dir;
    pthread_mutex_t lock;
    pthread_cond_t came;
    char id[65]; /* of the latest entry that the other laptop told of */
};

static bool told(void *context, const struct felloe_value *item)
{
    struct live *live = context;
    size_t len;
    const uint8_t *id = felloe_value_bytes(felloe_value_at(item, 0), &len);
    pthread_mutex_lock(&live->lock);
    for (size_t i = 0; id != NULL && i < len && i < 32; i++)
        snprintf(live->id + 2 * i, 3, "%02x", id[i]);
    pthread_cond_signal(&live->came);
    pthread_mutex_unlock(&live->lock);
    return true;
}

static void *follow(void *argument)
{
    struct live *live = argument;
    const struct felloe_argument follow = {.name = "follow", .kind = FELLOE_BOOL, .integer = 1};
    struct felloe_error error;
    felloe_stream(bench_connect(live->dir), "log", &follow, 1, told, live, NULL, NULL, &error);
    bench_die("the other laptop tells no more: %s", error.message);
}

static void wait_for(struct live *live, const char *id)
{
    pthread_mutex_lock(&live->lock);
    while (strcmp(live->id, id) != 0)
        pthread_cond_wait(&live->came, &live->lock);
    pthread_mutex_unlock(&live->lock);
}

/* Is the note in the story there? What is folded is followed at once, so the first look finds it. */
static void look(struct felloe_client *client, const char *person, const char *id)
{
    struct felloe_answer *answer;
    struct felloe_error error;
    if (felloe_view(client, "person", NULL, person, &answer, &error) != FELLOE_OK || felloe_answer_count(answer) == 0)
        bench_die("%s is not in the story on the other laptop", id);
    felloe_answer_free(answer);
}

static void record(struct felloe_client *client, const char *type, const char *person, const char *name,
                   const char *value, struct felloe_saved *saved)
{
    const struct felloe_field fields[] = {{name, value}, {"source", "Q1"}};
    const struct felloe_draft draft = {.type = type, .person = person, .fields = fields, .anyway = true,
                                       .field_count = strcmp(person, "@new") == 0 ? 2 : 1};
    struct felloe_error error;
    if (felloe_append(client, &draft, 1, false, saved, &error) != FELLOE_OK)
        bench_die("%s", error.message);
}

static void three_commits(struct raw_disk *disk, uint64_t *took)
{
    const uint64_t begun = bench_now();
    for (int i = 0; i < 3; i++)
        raw_disk_commit(disk);
    *took = bench_now() - begun;
}

void bench_live(int argc, char **argv)
{
    (void)argc;
    static struct live live = {.lock = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER};
    const size_t times = bench_number(argv[4]);
    struct felloe_client *here = bench_connect(argv[1]), *there = bench_connect(argv[2]);
    uint64_t *took = calloc(times, sizeof *took), *limits = calloc(times, sizeof *limits);
    struct felloe_saved person, saved;
    struct raw_disk disk;
    pthread_t follower;
    live.dir = argv[2];
    if (took == NULL || limits == NULL || pthread_create(&follower, NULL, follow, &live) != 0)
        bench_die("no thread");
    raw_disk_open(&disk, argv[3], RAW_BYTES, 1);
    record(here, "person.introduced", "@new", "known_as", "Robin", &person);
    wait_for(&live, person.id);
    for (size_t i = 0; i < times; i++) {
        if (i % SLICE == 0) {
            (void)!poll(NULL, 0, QUIET_MS);
            for (size_t n = i; n < times && n < i + SLICE; n++)
                three_commits(&disk, &limits[n]);
        }
        const uint64_t begun = bench_now();
        record(here, "note.added", person.person, "text", "here and there", &saved);
        wait_for(&live, saved.id);
        look(there, person.person, saved.id);
        took[i] = bench_now() - begun;
    }
    bench_tell_times("live", took, times);
    bench_tell_times("three-commits", limits, times);
    raw_disk_tell(&disk);
    raw_disk_close(&disk);
    free(limits);
    free(took);
}
