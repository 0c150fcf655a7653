/* SPDX-License-Identifier: Apache-2.0 */
/* A view over the socket, again and again. Before it is shown, that it was looked at is committed (who saw what), so
 * that no answer is quicker than the disk: its commits are measured in turns with the answers. */
#include <stdlib.h>

#include "felloe/client.h"
#include "tests/bench/bench.h"
#include "tests/bench/raw.h"

#define SLICE 25u

void bench_ask(int argc, char **argv)
{
    const size_t times = bench_number(argv[3]);
    const struct felloe_argument arguments[] = {
        {.name = "name", .kind = FELLOE_TEXT, .text = argv[4]},
        {.name = "limit", .kind = FELLOE_INTEGER, .integer = 50},
        {.name = "person", .kind = FELLOE_TEXT, .text = argc > 5 ? argv[5] : ""},
    };
    struct felloe_client *client = bench_connect(argv[1]);
    struct raw_disk disk;
    uint64_t *took = calloc(times, sizeof *took);
    if (took == NULL)
        bench_die("out of memory");
    raw_disk_open(&disk, argv[2], RAW_BYTES, 1);
    for (size_t i = 0; i < times; i++) {
        struct felloe_answer *answer;
        struct felloe_error error;
        const uint64_t begun = bench_now();
        if (felloe_ask(client, "view", arguments, argc > 5 ? 3 : 2, NULL, &answer, &error) != FELLOE_OK)
            bench_die("%s", error.message);
        took[i] = bench_now() - begun;
        felloe_answer_free(answer);
        for (size_t n = 0; i % SLICE == SLICE - 1 && n < SLICE; n++)
            raw_disk_commit(&disk);
    }
    bench_tell_times(argv[4], took, times);
    raw_disk_tell(&disk);
    raw_disk_close(&disk);
    free(took);
    felloe_close(client);
}
