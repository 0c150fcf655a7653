/* SPDX-License-Identifier: Apache-2.0 */
/* All that test_daemon_projector.c tells, where no commit of the views takes on more than three events: whatever is
 * folded is folded over many commits, in the order of keys. */
#define GIVEN_STEP_EVENTS 3
#include "tests/unit/test_daemon_projector.c"
