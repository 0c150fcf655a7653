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

static bool may_look_ahead(const struct control_request *first)
{
    const struct control_request *second = first->next_importing;
    return first->given && second && second->waiting == STEP_TURN && second->ahead && !control_gone(second);
}

static void look_ahead(struct control_request *request)
{
    const control_step ahead = request->ahead;
    request->ahead = NULL;
    ahead(request);
}

void control_import_enter(struct control_request *request, control_step then, control_step ahead)
{
    struct control_request **list = control_importing(request->daemon->control), **at = list;
    bool first = *at == NULL;
    while (*at)
        at = &(*at)->next_importing;
    *at = request;
    request->next_importing = NULL;
    request->step = then;
    request->ahead = ahead;
    request->waiting = STEP_TURN;
    if (first)
        control_take_turn(request);
    else if (may_look_ahead(*list))
        look_ahead((*list)->next_importing);
}

void control_import_given(struct control_request *request)
{
    request->given = true;
    if (may_look_ahead(request))
        look_ahead(request->next_importing);
}

void control_import_looked(struct control_request *request, control_step then)
{
    request->step = then;
    request->waiting = STEP_TURN;
    if (*control_importing(request->daemon->control) == request)
        control_take_turn(request);
}

void control_import_leave(struct control_request *request)
{
    struct control_request **first = control_importing(request->daemon->control);
    assert(*first == request);
    *first = request->next_importing;
    if (*first && (*first)->waiting == STEP_TURN) /* else it is looking ahead still */
        control_take_turn(*first);
}
