/* SPDX-License-Identifier: Apache-2.0 */
/* Who may ask the daemon for what: by the system's user, by felloe.conf, and by whether the record is open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "daemon/control/control_gate.h"

#define ROOT   0
#define AMY    70001 /* in [users], as amy and cover-desk */
#define CHRIS  70002 /* an administrator, and no worker */
#define ANYONE 70003

static struct daemon daemon_;
static struct felloe_error error;

static int64_t owner(void)
{
    return (int64_t)geteuid();
}

static int begin(void **state)
{
    (void)state;
    memset(&daemon_, 0, sizeof daemon_);
    struct config *config = &daemon_.config;
    config_start(config, ROLE_HUB);
    config->users[0] = (struct config_user){"amy", AMY, {"amy", "cover-desk"}, 2};
    config->user_count = 1;
    config->administrators[0] = (struct config_user){.name = "chris", .uid = CHRIS};
    config->administrator_count = 1;
    strcpy(daemon_.identity.worker, "amy");
    strcpy(daemon_.worker, "amy");
    error = (struct felloe_error){0};
    return 0;
}

static enum felloe_code asks(int64_t uid, enum need need)
{
    return control_gate_user(&daemon_, uid, need, &error);
}

static struct control_request request_of(int64_t uid, enum control_verb verb)
{
    return (struct control_request){.daemon = &daemon_, .uid = uid, .verb = verb};
}

static enum felloe_code gate(int64_t uid, enum control_verb verb)
{
    struct control_request request = request_of(uid, verb);
    return control_gate(&request, &error);
}

static void every_verb_says_what_it_needs(void **state)
{
    (void)state;
    for (int verb = 0; verb < CONTROL_VERB_COUNT; verb++) {
        enum need need = control_need((enum control_verb)verb);
        if (need == NEED_UNSAID)
            fail_msg("%s has no row in control_gate.c", control_verb_name((enum control_verb)verb));
        if (strncmp(control_verb_name((enum control_verb)verb), "hub.", 4) == 0)
            assert_int_equal(need, NEED_ADMIN);
    }
}

static void whom_nobody_named_may_not_speak(void **state)
{
    (void)state;
    for (enum need need = NEED_UNSAID; need <= NEED_OPENS; need++) {
        assert_int_equal(asks(ANYONE, need), FELLOE_DENIED);
        assert_int_equal(asks(-1, need), FELLOE_DENIED);
    }
    assert_non_null(strstr(error.message, "may not speak to this daemon"));
    assert_false(control_gate_knows(&daemon_.config, -1));
    /* a name in the file that is no user's here is nobody */
    daemon_.config.users[0].uid = -1;
    assert_int_equal(asks(-1, NEED_ANY), FELLOE_DENIED);
    assert_int_equal(asks(AMY, NEED_ANY), FELLOE_DENIED);
}

static void administration_is_for_administrators(void **state)
{
    (void)state;
    assert_int_equal(asks(CHRIS, NEED_ADMIN), FELLOE_OK);
    assert_int_equal(asks(CHRIS, NEED_KEEPER), FELLOE_OK);
    assert_int_equal(asks(CHRIS, NEED_ANY), FELLOE_OK);
    assert_int_equal(asks(CHRIS, NEED_OPENS), FELLOE_DENIED);
    assert_int_equal(asks(CHRIS, NEED_RECORDS), FELLOE_DENIED);
    assert_int_equal(asks(ROOT, NEED_ADMIN), FELLOE_OK);
    assert_int_equal(asks(AMY, NEED_ADMIN), FELLOE_DENIED);
    assert_int_equal(asks(AMY, NEED_KEEPER), FELLOE_DENIED);
    assert_non_null(strstr(error.message, "administrators"));
    if (owner() != 0)
        assert_int_equal(asks(owner(), NEED_ADMIN), FELLOE_DENIED); /* not named */
    daemon_.config.administrator_count = 0;
    assert_int_equal(asks(owner(), NEED_ADMIN), FELLOE_OK);
    assert_int_equal(asks(CHRIS, NEED_ADMIN), FELLOE_DENIED);
}

static void administrators_of_a_hub_are_nobody_on_a_laptop(void **state)
{
    (void)state;
    daemon_.config.role = ROLE_SPOKE;
    assert_int_equal(asks(CHRIS, NEED_ANY), FELLOE_DENIED);
    assert_int_equal(asks(AMY, NEED_KEEPER), FELLOE_OK); /* it is hers */
    strcpy(daemon_.identity.worker, "ben");
    assert_int_equal(asks(AMY, NEED_KEEPER), FELLOE_DENIED);
    assert_int_equal(asks(owner(), NEED_KEEPER), FELLOE_OK);
}

static void a_user_acts_as_the_workers_that_are_named(void **state)
{
    (void)state;
    struct control_request amy = request_of(AMY, CONTROL_RECORD), own = request_of(owner(), CONTROL_RECORD);
    assert_int_equal(control_gate(&amy, &error), FELLOE_OK);
    assert_int_equal(control_gate_worker(&amy, bytes_str("amy"), &error), FELLOE_OK);
    assert_int_equal(control_gate_worker(&amy, bytes_str("cover-desk"), &error), FELLOE_OK);
    assert_int_equal(control_gate_worker(&amy, bytes_str("ben"), &error), FELLOE_DENIED);
    assert_non_null(strstr(error.message, "may act as amy, cover-desk, not as ben"));
    assert_int_equal(control_gate_worker(&amy, bytes_str("am"), &error), FELLOE_DENIED);
    assert_string_equal(control_gate_self(&amy), "amy");
    strcpy(daemon_.worker, "cover-desk");
    assert_string_equal(control_gate_self(&amy), "cover-desk");
    strcpy(daemon_.worker, "ben");
    assert_string_equal(control_gate_self(&amy), "amy");
    assert_int_equal(control_gate(&own, &error), FELLOE_OK);
    assert_int_equal(control_gate_worker(&own, bytes_str("anybody"), &error), FELLOE_OK);
    assert_string_equal(control_gate_self(&own), "ben");
}

static void the_owner_is_bound_by_a_line_of_its_own(void **state)
{
    (void)state;
    daemon_.config.users[1] = (struct config_user){"owner", owner(), {"desk"}, 1};
    daemon_.config.user_count = 2;
    struct control_request own = request_of(owner(), CONTROL_RECORD);
    assert_int_equal(control_gate(&own, &error), FELLOE_OK);
    assert_int_equal(control_gate_worker(&own, bytes_str("ben"), &error), FELLOE_DENIED);
    assert_string_equal(control_gate_self(&own), "desk");
}

static void an_unlocked_session_is_nobody_elses(void **state)
{
    (void)state;
    daemon_.config.role = ROLE_SPOKE;
    strcpy(daemon_.config.unlock, "passphrase");
    assert_int_equal(asks(AMY, NEED_OPENS), FELLOE_OK);
    strcpy(daemon_.worker, "ben");
    assert_int_equal(asks(AMY, NEED_OPENS), FELLOE_DENIED);
    assert_int_equal(asks(AMY, NEED_RECORDS), FELLOE_DENIED);
    assert_int_equal(asks(AMY, NEED_ANY), FELLOE_OK); /* she may lock it, and unlock it as herself */
    strcpy(daemon_.config.unlock, "none"); /* there are no sessions */
    assert_int_equal(asks(AMY, NEED_OPENS), FELLOE_OK);
}

static void locked_nothing_is_shown_or_written(void **state)
{
    (void)state;
    daemon_.identity.locked = true;
    assert_int_equal(gate(ROOT, CONTROL_STATUS), FELLOE_OK);
    assert_int_equal(gate(ROOT, CONTROL_VERIFY), FELLOE_OK);
    assert_int_equal(gate(ROOT, CONTROL_BACKUP), FELLOE_OK);
    static const enum control_verb shut[] = {CONTROL_RECORD, CONTROL_VIEW, CONTROL_SETTLE, CONTROL_SEARCH,
                                             CONTROL_NEWS, CONTROL_LOG, CONTROL_REBUILD, CONTROL_DIGEST};
    for (size_t i = 0; i < sizeof shut / sizeof *shut; i++)
        assert_int_equal(gate(ROOT, shut[i]), FELLOE_LOCKED);
    assert_string_equal(error.message, "This laptop is locked. felloe unlock opens it.");
    assert_int_equal(gate(ANYONE, CONTROL_VIEW), FELLOE_DENIED); /* and who may not ask learns not even that */
}

static void a_lease_that_passed_shows_nothing_and_takes_what_is_recorded(void **state)
{
    (void)state;
    daemon_.config.role = daemon_.identity.role = ROLE_SPOKE;
    daemon_.identity.joined = true;
    daemon_.terms.lease_hours = 72;
    lease_heard_at(&daemon_.lease, clock_wall_ms() - 73 * 3600 * 1000ll, clock_steady_ms());
    daemon_.lease.clock_ms = clock_wall_ms();
    assert_true(lease_passed(&daemon_));
    assert_int_equal(gate(ROOT, CONTROL_RECORD), FELLOE_OK);
    assert_int_equal(gate(ROOT, CONTROL_STATUS), FELLOE_OK);
    assert_int_equal(gate(ROOT, CONTROL_DIGEST), FELLOE_OK);
    assert_int_equal(gate(ROOT, CONTROL_VIEW), FELLOE_LOCKED);
    assert_int_equal(gate(ROOT, CONTROL_LOG), FELLOE_LOCKED);
    assert_int_equal(gate(ROOT, CONTROL_SEARCH), FELLOE_LOCKED);
    lease_heard_at(&daemon_.lease, clock_wall_ms(), clock_steady_ms());
    assert_int_equal(gate(ROOT, CONTROL_VIEW), FELLOE_OK);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        STORY(every_verb_says_what_it_needs),
        STORY(whom_nobody_named_may_not_speak),
        STORY(administration_is_for_administrators),
        STORY(administrators_of_a_hub_are_nobody_on_a_laptop),
        STORY(a_user_acts_as_the_workers_that_are_named),
        STORY(the_owner_is_bound_by_a_line_of_its_own),
        STORY(an_unlocked_session_is_nobody_elses),
        STORY(locked_nothing_is_shown_or_written),
        STORY(a_lease_that_passed_shows_nothing_and_takes_what_is_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
