/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of how a person does: goals and their scores, and measures. */
#ifndef FELLOE_PROTO_VIEW_GOALS_H
#define FELLOE_PROTO_VIEW_GOALS_H

#include "proto/domain/view_person.h"

/* DIALOG: 1 to 8 ask about life, 9 to 11 about the help; means in hundredths. Two on one day stay two; none is
 * averaged with another. */
struct dialog {
    int64_t quality, help;
};
/* False: the entry has no whole DIALOG. */
bool dialog_of(const struct item *item, struct dialog *out);

/* The first and the last measure of each kind; NULL: there is none. */
struct measures {
    const struct item *first_dialog, *last_dialog, *first_reqol, *last_reqol;
};
void measures_of(const struct document *document, struct measures *out);

#endif
