/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait for others: imports for each other, one that names people for those of its client before it. */
#include <assert.h>

#include "daemon/control/control_inside.h"

void control_take_turn(struct control_request *request)
{
    request->waiting = STEP_NONE;
    request->step(request);
}

void control_when_first(struct control_request *request, control_step then)
{
    if (!request->earlier) {
        then(request);
        return;
    }
    request->step = then;
    request->waiting = STEP_TURN;
    request->comes_first = true;
}

void control_import_enter(struct control_request *request, control_step then)
{
    struct control_request **at = control_importing(request->daemon->control);
    bool first = *at == NULL;
    while (*at)
        at = &(*at)->next_importing;
    *at = request;
    request->next_importing = NULL;
    request->step = then;
    request->waiting = STEP_TURN;
    if (first)
        control_take_turn(request);
}

void control_import_leave(struct control_request *request)
{
    struct control_request **first = control_importing(request->daemon->control);
    assert(*first == request);
    *first = request->next_importing;
    if (*first)
        control_take_turn(*first);
}
