/* SPDX-License-Identifier: Apache-2.0 */
/* A digest is of everything that is here, or there is none: one of views that are behind would look like it. */
#include "tests/unit/given_laptop.h"

#include <dlfcn.h>
#include <errno.h>
#include <sodium.h>

/* ---- views that get on when they are let, or for which there is no memory ---- */

#define LMDB_READS 0x20000u

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool held, refused;
} views_writing = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false};

int mdb_env_get_path(void *env, const char **path);
int mdb_txn_begin(void *env, void *parent, unsigned flags, void **txn);

static bool is_of_views(void *env)
{
    const char *path = "";
    mdb_env_get_path(env, &path);
    const char *name = strrchr(path, '/');
    return name != NULL && strcmp(name + 1, "views") == 0;
}

int mdb_txn_begin(void *env, void *parent, unsigned flags, void **txn)
{
    int (*real)(void *, void *, unsigned, void **);
    bool refused = false;
    *(void **)&real = dlsym(RTLD_NEXT, "mdb_txn_begin");
    if (!(flags & LMDB_READS) && is_of_views(env)) {
        pthread_mutex_lock(&views_writing.mutex);
        while (views_writing.held)
            pthread_cond_wait(&views_writing.changed, &views_writing.mutex);
        refused = views_writing.refused;
        pthread_mutex_unlock(&views_writing.mutex);
    }
    return refused ? ENOMEM : real(env, parent, flags, txn);
}

static void set_writing(bool held, bool refused)
{
    pthread_mutex_lock(&views_writing.mutex);
    views_writing.held = held;
    views_writing.refused = refused;
    pthread_cond_broadcast(&views_writing.changed);
    pthread_mutex_unlock(&views_writing.mutex);
}

/* ---- stories ---- */

struct laptop {
    struct given_daemon *d;
    struct given_client client;
    struct reply before;
};

static struct laptop laptop_with_people(void)
{
    struct laptop l = {.d = laptop()};
    char person[33];
    l.client = given_client(l.d);
    for (int i = 0; i < 3; i++)
        introduce(&l.client, "Robin", person);
    l.before = client_ask(&l.client, CONTROL_DIGEST, NULL);
    assert_int_equal(l.before.code, FELLOE_OK);
    return l;
}

static void expect_as_before(struct laptop *l, struct reply *reply)
{
    if (reply->code != FELLOE_OK)
        fail_msg("%s", reply->text);
    assert_true(bytes_equal(buffer_bytes(&l->before.summary), buffer_bytes(&reply->summary)));
    reply_release(reply);
}

static void laptop_with_people_end(struct laptop *l)
{
    reply_release(&l->before);
    client_end(&l->client);
    laptop_end(l->d);
}

static void expect_progress(struct given_client *client)
{
    struct mp_reader *r = malloc(sizeof *r);
    size_t size;
    assert_non_null(r);
    mp_reader_init(r, client_frame(client, &size));
    assert_true(mp_next(r));
    mp_array(r, 1, 4);
    if (!bytes_is(mp_str(r, 1, 16), "progress"))
        fail_msg("an answer, though the views are not there yet");
    free(r);
}

static void it_waits_for_views_that_get_on_and_says_how_far_they_are(void **state)
{
    (void)state;
    struct laptop l = laptop_with_people();
    set_writing(true, false);
    projector_rebuild(l.d->daemon.projector);
    client_ask_only(&l.client, CONTROL_DIGEST, NULL);
    expect_progress(&l.client);
    set_writing(false, false);
    struct reply after = client_reply(&l.client);
    expect_as_before(&l, &after);
    laptop_with_people_end(&l);
}

static void of_views_that_do_not_get_on_there_is_none(void **state)
{
    (void)state;
    struct laptop l = laptop_with_people();
    set_writing(false, true);
    projector_rebuild(l.d->daemon.projector);
    struct reply reply = client_ask(&l.client, CONTROL_DIGEST, NULL);
    assert_true(reply.code != FELLOE_OK && reply.text[0] != '\0');
    reply_release(&reply);
    set_writing(false, false);
    projector_poke(l.d->daemon.projector);
    do {
        reply_release(&reply);
        reply = client_ask(&l.client, CONTROL_DIGEST, NULL);
    } while (reply.code != FELLOE_OK);
    expect_as_before(&l, &reply);
    laptop_with_people_end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_waits_for_views_that_get_on_and_says_how_far_they_are),
        cmocka_unit_test(of_views_that_do_not_get_on_there_is_none),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
