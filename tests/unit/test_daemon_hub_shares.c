/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a hub knows who has left which team: at the start, when its views had all that the log has; else once it has
 * folded all, and looked at all who are with several teams. Before that it hands out no person's key. */
#include "tests/unit/given_log.h"

#include <uv.h>

#include "daemon/pool.h"
#include "daemon/report.h"
#include "daemon/sync/driver_hub.h"

struct side {
    struct given_log *g;
    uv_loop_t loop;
    struct daemon daemon;
    struct loop_wake *completed, *changed;
    struct key_record jo;
};

static void complete(void *context)
{
    struct side *hub = context;
    for (struct queue_item *item = queue_take_all(&hub->daemon.completions); item != NULL;) {
        struct queue_item *next = item->next;
        struct log_job *job = (struct log_job *)((char *)item - offsetof(struct log_job, link));
        job->done(job);
        item = next;
    }
}

static void views_changed(void *context)
{
    struct side *hub = context;
    if (hub->daemon.driver != NULL)
        driver_views_changed(hub->daemon.driver);
}

/* With somebody whom the log knows; the daemon's log is open, nothing else. */
static struct side *given_side(void)
{
    struct side *hub = calloc(1, sizeof *hub);
    assert_non_null(hub);
    hub->g = given_log(ROLE_HUB, NULL);
    hub->jo = new_person(SITE);
    struct log_draft draft = person_note(&hub->jo, "about jo");
    struct log_job job = record_job(SITE, &draft, 1);
    job.new_keys = &hub->jo;
    job.new_key_count = 1;
    run_well(hub->g, &job);
    event_log_close(hub->g->log);
    uv_loop_init(&hub->loop);
    hub->completed = loop_wake_new(&hub->loop, complete, hub);
    hub->changed = loop_wake_new(&hub->loop, views_changed, hub);
    queue_init(&hub->daemon.completions, loop_wake_signal, hub->completed);
    hub->daemon.dir = hub->g->dir.path;
    hub->daemon.identity = hub->g->identity;
    hub->daemon.loop = &hub->loop;
    hub->daemon.pool = pool_new(&hub->loop);
    hub->daemon.keyring = hub->g->keyring;
    hub->daemon.config.role = ROLE_HUB;
    snprintf(hub->daemon.config.listen, sizeof hub->daemon.config.listen, "tcp://127.0.0.1:*");
    const struct event_log_config config = {.dir = hub->g->dir.path, .identity = &hub->daemon.identity,
                                            .keyring = hub->g->keyring, .completions = &hub->daemon.completions};
    struct felloe_error error;
    assert_int_equal(event_log_open(&hub->daemon.log, &config, &error), FELLOE_OK);
    return hub;
}

static void open_views(struct side *hub)
{
    struct felloe_error error;
    const struct projector_config config = {.dir = hub->g->dir.path, .log = hub->daemon.log,
                                            .keyring = hub->g->keyring, .identity = &hub->daemon.identity,
                                            .changed = loop_wake_signal, .context = hub->changed};
    assert_int_equal(projector_open(&hub->daemon.projector, &config, &error), FELLOE_OK);
}

static void close_views(struct side *hub)
{
    projector_close(hub->daemon.projector);
    hub->daemon.projector = NULL;
}

static void open_driver(struct side *hub)
{
    struct felloe_error error;
    assert_int_equal(driver_open(&hub->daemon.driver, &hub->daemon, &error), FELLOE_OK);
}

static void close_driver(struct side *hub)
{
    driver_close(hub->daemon.driver);
    hub->daemon.driver = NULL;
    complete(hub);
}

static void given_side_end(struct side *hub)
{
    event_log_close(hub->daemon.log);
    complete(hub);
    pool_free(hub->daemon.pool);
    loop_wake_free(hub->completed);
    loop_wake_free(hub->changed);
    uv_run(&hub->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&hub->loop), 0);
    queue_destroy(&hub->daemon.completions);
    hub->g->log = NULL;
    given_log_end(hub->g);
    free(hub);
}

static bool knows(struct side *hub)
{
    return log_shares_known(event_log_shares(hub->daemon.log));
}

/* How many keys a laptop of the site that asks for this one is handed. */
static uint32_t handed(struct side *hub, const struct key_id *id)
{
    struct felloe_error error;
    struct box_shared shared;
    struct lent body;
    struct key_id denied[1];
    struct identity laptop;
    uint32_t keys, denied_count;
    identity_generate(&laptop, ROLE_SPOKE);
    assert_true(box_shared_of(&shared, &laptop.box_public, &hub->daemon.identity.box_secret));
    assert_int_equal(log_read_keys(hub->daemon.log, bytes_str(SITE), id, 1, &laptop.device, &shared, &body, &keys,
                                   denied, &denied_count, &error), FELLOE_OK);
    lent_return(&body);
    assert_int_equal(denied_count, 0); /* whoever lacks it asks again */
    return keys;
}

static void until_it_knows(struct side *hub)
{
    while (!knows(hub))
        uv_run(&hub->loop, UV_RUN_ONCE);
}

static void until_folded(struct side *hub)
{
    while (!projector_has(hub->daemon.projector, event_log_commits(hub->daemon.log)))
        uv_run(&hub->loop, UV_RUN_ONCE);
}

static void a_hub_without_its_views_hands_out_no_persons_key(void **state)
{
    (void)state;
    struct side *hub = given_side();
    open_driver(hub); /* no projector: whatever it does, nothing was folded yet */
    assert_false(knows(hub));
    assert_int_equal(handed(hub, &hub->jo.id), 0);
    close_driver(hub);
    open_views(hub);
    open_driver(hub);
    until_it_knows(hub);
    assert_int_equal(handed(hub, &hub->jo.id), 1);
    close_driver(hub);
    close_views(hub);
    given_side_end(hub);
}

static void a_hub_whose_views_are_whole_hands_them_out_at_once(void **state)
{
    (void)state;
    struct side *hub = given_side();
    open_views(hub);
    until_folded(hub);
    close_views(hub);
    open_views(hub);
    open_driver(hub);
    assert_true(knows(hub));
    assert_int_equal(handed(hub, &hub->jo.id), 1);
    close_driver(hub);
    close_views(hub);
    given_side_end(hub);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    report_level(LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hub_without_its_views_hands_out_no_persons_key),
        cmocka_unit_test(a_hub_whose_views_are_whole_hands_them_out_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
