/* SPDX-License-Identifier: Apache-2.0 */
/* Putting another database in one's place, so that at each moment a whole one stands there, and none is lost. `what` is
 * "log" or "keys": the folder D/what. The views are made from both: they go as a new one comes. */
#ifndef FELLOE_DAEMON_SETUP_SWAP_H
#define FELLOE_DAEMON_SETUP_SWAP_H

#include <limits.h>

#include "felloe/error.h"

/* Ends what an interrupted try left behind: a try that was not whole yet is removed, an exchange that had begun is
 * finished. (Where the file system cannot exchange two names, there can be none at D/what for a moment.) */
enum felloe_code swap_settle(const char *dir, struct felloe_error *error);
/* Makes D/new-what anew and empty, in which the other one grows as D/new-what/what; settled before. `out`: D/new-what.
 */
enum felloe_code swap_prepare(const char *dir, const char *what, char out[PATH_MAX], struct felloe_error *error);
/* D/new-what/what, or any other folder. */
enum felloe_code swap_make_folder(const char *path, struct felloe_error *error);
/* D/new-what/what becomes D/what, at once; the one that was there is kept as D/what.<why>-1 (or -2, …), whose path goes
 * to `kept` (empty: there was none). Durable on return. When it is interrupted, either stands at D/what, and doing all
 * of it again is fine. */
enum felloe_code swap_in(const char *dir, const char *what, const char *why, char kept[PATH_MAX],
                         struct felloe_error *error);
/* It is not to be: D/new-what is removed, with what grew in it. */
void swap_give_up(const char *dir, const char *what);
/* The views are of another log now: they are removed, to be made again. */
enum felloe_code swap_views_away(const char *dir, struct felloe_error *error);

#endif
