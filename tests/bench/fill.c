/* SPDX-License-Identifier: Apache-2.0 */
/* Many notes about many people through the client library, 1,000 a batch: durable and sealed, one person every 500
 * notes, as long a text as was asked for. A record of a size that is known, and how fast that went. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "felloe/client.h"
#include "tests/bench/bench.h"

#define BATCH 1000u
#define PER_PERSON 500u

static void append(struct felloe_client *client, const struct felloe_draft *drafts, size_t count,
                   struct felloe_saved *saved)
{
    struct felloe_error error;
    if (felloe_append(client, drafts, count, false, saved, &error) != FELLOE_OK)
        bench_die("%s", error.message);
}

/* All people first, in batches of their own: notes name them by their ids. */
static void introduce(struct felloe_client *client, size_t count, struct felloe_saved *people)
{
    const struct felloe_field fields[] = {{"known_as", "Robin"}, {"source", "Q1"}};
    struct felloe_draft drafts[BATCH];
    for (size_t done = 0; done < count;) {
        const size_t some = count - done < BATCH ? count - done : BATCH;
        for (size_t i = 0; i < some; i++)
            drafts[i] = (struct felloe_draft){.type = "person.introduced", .person = "@new", .fields = fields,
                                              .field_count = 2, .anyway = true};
        append(client, drafts, some, people + done);
        done += some;
    }
}

char *bench_words(size_t bytes)
{
    static const char some[] = "met at the library and talked about the tenancy, the letter and what to answer; ";
    char *text = malloc(bytes + 1);
    if (text == NULL)
        bench_die("out of memory");
    for (size_t i = 0; i < bytes; i++)
        text[i] = some[i % (sizeof some - 1)];
    text[bytes] = '\0';
    return text;
}

void bench_fill(int argc, char **argv)
{
    (void)argc;
    const size_t events = bench_number(argv[2]), people = (events + PER_PERSON - 1) / PER_PERSON;
    char *text = bench_words(bench_number(argv[3]));
    const struct felloe_field field = {"text", text};
    static struct felloe_draft drafts[BATCH];
    static struct felloe_saved saved[BATCH];
    struct felloe_saved *robins = calloc(people, sizeof *robins);
    struct felloe_client *client = bench_connect(argv[1]);
    if (robins == NULL)
        bench_die("out of memory");
    introduce(client, people, robins);
    const uint64_t begun = bench_now();
    for (size_t done = 0; done < events;) {
        const size_t some = events - done < BATCH ? events - done : BATCH;
        for (size_t i = 0; i < some; i++, done++)
            drafts[i] = (struct felloe_draft){.type = "note.added", .person = robins[done % people].person,
                                              .fields = &field, .field_count = 1};
        append(client, drafts, some, saved);
    }
    bench_tell("events", (double)events * 1e9 / (double)(bench_now() - begun), "/s");
    felloe_close(client);
    free(robins);
    free(text);
}
