/* SPDX-License-Identifier: Apache-2.0 */
/* D/place: which file the log was when it was last served. A directory that was copied, or put back from a copy, holds
 * another one: that is how a hub learns that it may be older than it seems, before it gives a position again. (Images
 * of whole disks cannot be told; there the laptops' evidence has to do.) */
#ifndef FELLOE_DAEMON_PLACE_H
#define FELLOE_DAEMON_PLACE_H

#include <stdbool.h>

/* Is the log's file another than the one noted? False also when none was noted, or it cannot be told. */
bool place_changed(const char *dir);
/* Notes the one that is there; what fails is reported. */
void place_note(const char *dir);

#endif
