/* SPDX-License-Identifier: Apache-2.0 */
/* import: CloudEvents lines into the record, in batches that overlap, so that the daemon is never without work. What
 * is not valid is told with its line and left out; what is here already counts once. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/cloudevent.h"
#include "client/interrupt.h"
#include "client/lines.h"
#include "client/output.h"
#include "client/verbs.h"

#define BATCH_EVENTS 1000
#define BATCH_BYTES (1024u * 1024) /* of lines; well below a frame */
#define BATCHES 3                  /* one being read, two under way */
#define PROBLEMS_SHOWN 20

struct batch_line {
    uint64_t number;
    struct imported imported;
    bool valid;
    struct felloe_error error; /* of a line that is not valid */
};
struct line_batch {
    struct batch_line *lines;
    size_t count, bytes;
};

struct importing {
    struct cli *cli;
    struct lines lines;
    struct line_batch batches[BATCHES];
    size_t first, under_way;   /* a ring */
    struct felloe_draft *drafts;
    struct felloe_saved *results;
    uint64_t read, saved, known, failed;
    uint64_t total_bytes;
    json_t *problems;
    struct progress progress;
};

static void problem(struct importing *run, uint64_t line, const char *message)
{
    if (++run->failed > PROBLEMS_SHOWN)
        return;
    json_array_append_new(run->problems, json_pack("{s:I,s:s}", "line", (json_int_t)line, "message", message));
    if (run->cli->json)
        return;
    progress_end(&run->progress);
    fprintf(stderr, "line %" PRIu64 ": ", line);
    out_text(stderr, message);
    fputc('\n', stderr);
}

static void clear_batch(struct line_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        imported_release(&batch->lines[i].imported);
    batch->count = batch->bytes = 0;
}

/* Waits for the oldest batch under way and tells what became of its lines, in their order. */
static enum felloe_code finish_oldest(struct importing *run)
{
    struct line_batch *batch = &run->batches[run->first];
    size_t valid = 0, next = 0;
    for (size_t i = 0; i < batch->count; i++)
        valid += batch->lines[i].valid;
    enum felloe_code code = FELLOE_OK;
    if (valid > 0)
        code = felloe_append_wait(run->cli->client, run->results, valid, &run->cli->error);
    for (size_t i = 0; i < batch->count && code == FELLOE_OK; i++) {
        struct batch_line *line = &batch->lines[i];
        struct felloe_saved *result = line->valid ? &run->results[next++] : NULL;
        if (!result)
            problem(run, line->number, line->error.message);
        else if (result->code == FELLOE_STORAGE) /* no line after it will fare better */
            code = cli_fail(run->cli, result->code, "line %" PRIu64 ": %s", line->number, result->error.message);
        else if (result->code != FELLOE_OK)
            problem(run, line->number, result->error.message);
        else if (result->known)
            run->known++;
        else
            run->saved++;
    }
    clear_batch(batch);
    run->first = (run->first + 1) % BATCHES;
    run->under_way--;
    return code;
}

/* Sends the batch that was read; leaves the next one of the ring free. */
static enum felloe_code send_batch(struct importing *run, const struct line_batch *batch)
{
    size_t valid = 0;
    for (size_t i = 0; i < batch->count; i++)
        if (batch->lines[i].valid)
            run->drafts[valid++] = batch->lines[i].imported.draft;
    enum felloe_code code = FELLOE_OK;
    if (valid > 0)
        code = felloe_append_send(run->cli->client, run->drafts, valid, true, &run->cli->error);
    if (code != FELLOE_OK)
        return code;
    run->under_way++;
    return run->under_way == BATCHES ? finish_oldest(run) : FELLOE_OK;
}

static void read_line(struct importing *run, struct line_batch *batch)
{
    struct batch_line *line = &batch->lines[batch->count++];
    const char *site = cli_option(run->cli, "site"), *worker = cli_option(run->cli, "worker");
    *line = (struct batch_line){.number = run->lines.number};
    run->read++;
    batch->bytes += run->lines.len;
    enum felloe_code code;
    if (run->lines.too_long)
        code = felloe_fail(&line->error, FELLOE_INVALID, "the line is longer than %u KiB: an event has up to 64 KiB",
                           LINE_LENGTH_MAX / 1024);
    else
        code = imported_read(&line->imported, run->lines.text, run->lines.len, &line->error);
    line->valid = code == FELLOE_OK;
    if (site)
        line->imported.draft.site = site;
    if (worker)
        line->imported.draft.worker = worker;
}

static enum felloe_code import_lines(struct importing *run)
{
    enum felloe_code code = FELLOE_OK;
    bool more = true;
    while (more && code == FELLOE_OK && !interrupted()) {
        struct line_batch *batch = &run->batches[(run->first + run->under_way) % BATCHES];
        while (batch->count < BATCH_EVENTS && batch->bytes < BATCH_BYTES && (more = lines_next(&run->lines)))
            if (!lines_blank(&run->lines))
                read_line(run, batch);
        code = send_batch(run, batch);
        progress_show(&run->progress, run->lines.offset, run->total_bytes, "importing");
    }
    while (run->under_way > 0 && code == FELLOE_OK)
        code = finish_oldest(run);
    if (code == FELLOE_OK && interrupted())
        return cli_fail(run->cli, FELLOE_INTERRUPTED, "stopped before the end of the file");
    if (code == FELLOE_OK && run->lines.failed)
        return cli_fail(run->cli, FELLOE_FAILED, "reading failed after line %" PRIu64 ": %s", run->lines.number,
                        strerror(errno));
    return code;
}

static enum felloe_code summary(struct importing *run)
{
    struct cli *cli = run->cli;
    if (cli->json) {
        json_t *all = json_pack("{s:I,s:I,s:I,s:I,s:O}", "lines", (json_int_t)run->read, "saved",
                                (json_int_t)run->saved, "known", (json_int_t)run->known, "failed",
                                (json_int_t)run->failed, "problems", run->problems);
        enum felloe_code code = out_json(all, &cli->error);
        if (code != FELLOE_OK)
            return code;
    } else {
        if (run->failed > PROBLEMS_SHOWN)
            fprintf(stderr, "… and %" PRIu64 " more\n", run->failed - PROBLEMS_SHOWN);
        printf("Saved %" PRIu64 " event%s", run->saved, run->saved == 1 ? "" : "s");
        if (run->known > 0)
            printf(", %" PRIu64 " %s here already", run->known, run->known == 1 ? "was" : "were");
        puts("");
    }
    if (run->failed == 0)
        return FELLOE_OK;
    return cli_fail(cli, FELLOE_PARTLY,
                    "%" PRIu64 " of %" PRIu64 " lines did not go in: mend them and import the file again, the others "
                    "count once",
                    run->failed, run->read);
}

static enum felloe_code prepare(struct importing *run)
{
    bool enough = true;
    for (size_t i = 0; i < BATCHES; i++) {
        run->batches[i].lines = calloc(BATCH_EVENTS, sizeof *run->batches[i].lines);
        enough &= run->batches[i].lines != NULL;
    }
    run->drafts = calloc(BATCH_EVENTS, sizeof *run->drafts);
    run->results = calloc(BATCH_EVENTS, sizeof *run->results);
    run->problems = json_array();
    return enough && run->drafts && run->results && run->problems ? FELLOE_OK
                                                                  : cli_fail(run->cli, FELLOE_FAILED, "out of memory");
}

static void release(struct importing *run)
{
    for (size_t i = 0; i < BATCHES; i++) {
        if (run->batches[i].lines)
            clear_batch(&run->batches[i]);
        free(run->batches[i].lines);
    }
    free(run->drafts);
    free(run->results);
    json_decref(run->problems);
    lines_release(&run->lines);
}

static enum felloe_code import_file(struct cli *cli, FILE *file)
{
    struct importing run = {.cli = cli};
    struct stat info;
    lines_init(&run.lines, file);
    if (fstat(fileno(file), &info) == 0 && S_ISREG(info.st_mode))
        run.total_bytes = (uint64_t)info.st_size;
    progress_init(&run.progress, "importing", cli->json);
    enum felloe_code code = prepare(&run);
    interrupt_watch();
    if (code == FELLOE_OK)
        code = import_lines(&run);
    progress_end(&run.progress);
    if (code == FELLOE_OK)
        code = summary(&run);
    else if (!cli->json)
        fprintf(stderr,
                "%" PRIu64 " events are saved for certain; importing the same file again adds what is missing\n",
                run.saved + run.known);
    release(&run);
    return code;
}

static enum felloe_code run_import(struct cli *cli)
{
    const char *name = cli->words[0];
    enum felloe_code code = cli_connect(cli);
    if (code != FELLOE_OK)
        return code;
    if (strcmp(name, "-") == 0)
        return import_file(cli, stdin);
    FILE *file = fopen(name, "re");
    if (!file)
        return cli_fail(cli, errno == ENOENT ? FELLOE_NOT_FOUND : FELLOE_DENIED, "cannot read %s: %s", name,
                        strerror(errno));
    struct stat info;
    if (fstat(fileno(file), &info) == 0 && S_ISDIR(info.st_mode))
        code = cli_fail(cli, FELLOE_INVALID, "%s is a directory: import reads a file", name);
    else
        code = import_file(cli, file);
    fclose(file);
    return code;
}

const struct verb verb_import = {
    "import", "Keep it well", "FILE|-", "CloudEvents lines into the record",
    "One event a line, as `felloe export` writes them; - is standard input. Lines that are not valid are named and\n"
    "left out, the others go in. Importing the same file twice adds nothing. --site and --worker stand in for the\n"
    "lines' own.",
    NULL, 1, 1, run_import};
