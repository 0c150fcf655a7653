/* SPDX-License-Identifier: Apache-2.0 */
/* All that test_daemon_projector_ahead.c tells, where a site's log is one step: the tables by event are put in order,
 * at its end. */
#define GIVEN_STEP_EVENTS 0
#include "tests/unit/test_daemon_projector_ahead.c"
