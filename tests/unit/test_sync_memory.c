/* SPDX-License-Identifier: Apache-2.0 */
/* Memory runs out in the machines, once, at every single place where they ask for some: the machine says so, is made
 * anew from its store, and all converges as if nothing had been. */
#include "tests/lib/sync_world.h"
#include "tests/unit/given.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ALLOCATIONS_CAN_FAIL 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ALLOCATIONS_CAN_FAIL 0
#endif
#endif
#ifndef ALLOCATIONS_CAN_FAIL
#define ALLOCATIONS_CAN_FAIL 1
#endif

static bool within_a_step;
static int64_t live;             /* blocks held */
static uint64_t asked, fails_at; /* allocations within steps so far; the one that fails */

#if ALLOCATIONS_CAN_FAIL
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void __libc_free(void *old);

static void *counted(void *made)
{
    live += made != NULL;
    return made;
}

static bool fails_now(void)
{
    return within_a_step && asked++ == fails_at;
}

void *malloc(size_t size)
{
    return fails_now() ? NULL : counted(__libc_malloc(size));
}
void *calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : counted(__libc_calloc(count, size));
}
void *realloc(void *old, size_t size)
{
    if (fails_now())
        return NULL;
    void *made = __libc_realloc(old, size);
    live += made != NULL && old == NULL;
    return made;
}
void free(void *old)
{
    live -= old != NULL;
    __libc_free(old);
}
#endif

static void around(void *context, bool begins)
{
    (void)context;
    within_a_step = begins;
}

/* Runs the story; returns how many allocations its steps made. */
static uint64_t story(uint64_t fail_at)
{
    struct world_config config = {.spokes = 2, .sites = 2, .around = around};
    struct world *world = world_new(&config);
    asked = 0;
    fails_at = fail_at;
    for (uint32_t i = 0; i < 2; i++) {
        for (uint32_t n = 0; n < 4; n++)
            world_record(world, i, n % 2);
        world_connect(world, i);
        for (int n = 0; n < 20; n++)
            world_step(world);
        world_record(world, 0, 0);
    }
    bool settled = world_settle(world, 5000);
    if (!settled || world_problem(world)) {
        print_message("%s", world_trace(world));
        fail_msg("allocation %llu: %s", (unsigned long long)fail_at,
                 world_problem(world) ? world_problem(world) : "it does not settle");
    }
    world_free(world);
    return asked;
}

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    if (!ALLOCATIONS_CAN_FAIL)
        skip();
    uint64_t count = story(UINT64_MAX);
    assert_true(count > 100);
    int64_t before = live;
    for (uint64_t at = 0; at < count; at++) {
        story(at);
        assert_int_equal(live, before); /* and nothing was forgotten on the way out */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory_may_run_out_anywhere)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
