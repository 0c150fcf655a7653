/* SPDX-License-Identifier: Apache-2.0 */
/* A laptop's daemon on a log of its own, and what its clients do again and again: for tests that include it first. */
#ifndef FELLOE_TESTS_UNIT_GIVEN_LAPTOP_H
#define FELLOE_TESTS_UNIT_GIVEN_LAPTOP_H

#include "tests/unit/given_daemon.h"

static inline struct given_daemon *laptop(void)
{
    return given_daemon(ROLE_SPOKE, given_log(ROLE_SPOKE, NULL));
}

static inline void laptop_end(struct given_daemon *d)
{
    struct given_log *log = d->log;
    given_daemon_end(d);
    given_log_end(log);
}

/* Records and expects it to be saved; the person's id is put into `person` unless that is NULL. */
static inline void save(struct given_client *client, const char *person_text, char person[33], const char *type,
                        const char *const *pairs)
{
    struct reply reply = client_record(client, (struct control_draft){.person = bytes_str(person_text)}, type, pairs);
    if (reply.code != FELLOE_OK)
        fail_msg("%s", reply.text);
    assert_int_equal(reply.count, 1);
    if (person)
        hex_in(item_at(&reply, 0), "person", person, 33);
    reply_release(&reply);
}

static inline void introduce(struct given_client *client, const char *name, char person[33])
{
    save(client, "@new", person, "person.introduced", (const char *[]){"known_as", name, "source", "Q1", NULL});
}

/* How many entries the person's story has. */
static inline size_t story_length(struct given_client *client, const char *person)
{
    struct reply reply = client_ask(client, CONTROL_VIEW, (const char *[]){"name", "person", "person", person, NULL});
    if (reply.code != FELLOE_OK)
        fail_msg("%s", reply.text);
    size_t count = reply.count;
    reply_release(&reply);
    return count;
}

#endif
