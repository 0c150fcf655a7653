/* SPDX-License-Identifier: Apache-2.0 */
/* What the libraries here that stand between a program and its files have in common: the next one's function of a name,
 * and which files are below the folder that they are told to look at. */
#ifndef FELLOE_TESTS_PRELOAD_FILES_H
#define FELLOE_TESTS_PRELOAD_FILES_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The function that this one stands before, as `real`. */
#define REAL(result, name, ...)                                                                                        \
    static result (*real)(__VA_ARGS__);                                                                                \
    if (real == NULL)                                                                                                  \
    *(void **)&real = dlsym(RTLD_NEXT, #name)

#define FDS_MAX 65536

/* Of a path below `folder`, the part after it ("" for the folder itself); NULL for any other. */
static inline const char *below(const char *folder, const char *path)
{
    size_t len = folder != NULL ? strlen(folder) : 0;
    if (len == 0 || path == NULL || strncmp(path, folder, len) != 0)
        return NULL;
    return path[len] == '/' ? path + len + 1 : path[len] == '\0' ? path + len : NULL;
}

#endif
