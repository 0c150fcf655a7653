/* SPDX-License-Identifier: Apache-2.0 */
/* settle: what to-settle lists, agreed upon. */
#include "daemon/control/control.h"

void control_verb_SETTLE(struct control_request *request)
{
    control_fail(request, &(struct felloe_error){FELLOE_FAILED, "Record conflict.settled for that."});
}
