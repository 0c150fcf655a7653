/* SPDX-License-Identifier: Apache-2.0 */
/* What a later entry refers to - a task, a concern, a goal, an appointment, an outing, a worry, a resource, a session -
 * found by the beginning of its words or of its id. */
#ifndef FELLOE_CLIENT_THREADS_H
#define FELLOE_CLIENT_THREADS_H

#include "client/cli.h"

struct thread_item {
    char id[65], person[33]; /* hex; person is empty where it is about none */
    char *words;             /* in one line, owned */
    bool open;
    bool others;             /* another worker's outing */
    struct felloe_field *fields; /* of its latest version, owned, as the catalogue takes them */
    size_t field_count;
};
struct thread_list {
    const char *what;        /* "task" */
    const char *whose;       /* the person as typed; NULL: all people */
    struct thread_item *items;
    size_t count;
    bool of_people;          /* of all people's: naming one finds more */
    bool whole;              /* an id that is not among them may be right all the same */
};

/* What the field of an entry of this type can refer to; of one person, or (NULL) of all. An empty list is no error. */
enum felloe_code threads_find(struct cli *cli, const char *type, const char *field, const char *person,
                              struct thread_list *out);
void threads_release(struct thread_list *list);
/* The one that was meant; those that are open come first. `*out` is NULL where the text has to be left to the daemon:
 * an id. FELLOE_AMBIGUOUS, FELLOE_NOT_FOUND say what there is. "@only": the only open one. */
enum felloe_code threads_pick(struct cli *cli, const struct thread_list *list, const char *text,
                              const struct thread_item **out);

#endif
