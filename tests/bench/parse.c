/* SPDX-License-Identifier: Apache-2.0 */
/* What an import can reach at best: each line of a file parsed by jansson, and thrown away. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include "tests/bench/bench.h"

void bench_parse(int argc, char **argv)
{
    (void)argc;
    FILE *file = fopen(argv[1], "re");
    if (file == NULL)
        bench_die("%s cannot be read", argv[1]);
    char *line = NULL;
    size_t size = 0, lines = 0;
    const uint64_t begun = bench_now();
    for (ssize_t len; (len = getline(&line, &size, file)) > 0; lines++) {
        json_t *value = json_loadb(line, (size_t)len, 0, NULL);
        if (value == NULL)
            bench_die("line %zu of %s is no JSON", lines + 1, argv[1]);
        json_decref(value);
    }
    bench_tell("lines", (double)lines * 1e9 / (double)(bench_now() - begun), "/s");
    free(line);
    fclose(file);
}
