/* SPDX-License-Identifier: Apache-2.0 */
/* A repair on a disk that fails or is full, at each write and sync, once and for ever: it says so, and what the
 * directory held is there; on a sound machine it is then done. */
#include "tests/unit/given_faults.h"
#include "tests/unit/given_hit_home.h"

#include "daemon/report.h"

/* True: it came to an end without a fault. */
static bool with_fault(int nth, int number, bool for_ever)
{
    struct given_log *g = given_home();
    struct repair_outcome out;
    struct felloe_error error = {0};
    fault_at(nth, number, for_ever);
    enum felloe_code code = setup_repair(&(struct repair_options){.dir = g->dir.path}, &out, &error);
    const int calls = atomic_load(&fault.calls);
    fault_clear();
    if (code != FELLOE_OK) {
        assert_true(code == FELLOE_STORAGE || code == FELLOE_FAILED);
        assert_true(error.message[0] != '\0');
    }
    expect_healed(g);
    given_home_end(g);
    return calls < nth;
}

static void a_disk_that_fails_or_is_full_changes_nothing(void **state)
{
    (void)state;
    const int numbers[] = {EIO, ENOSPC};
    for (unsigned i = 0; i < 2; i++)
        for (unsigned for_ever = 0; for_ever < 2; for_ever++)
            for (int nth = 1; !with_fault(nth, numbers[i], for_ever); nth += 1 + nth / 16)
                ;
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    report_level(LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_that_fails_or_is_full_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
