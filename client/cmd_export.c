/* SPDX-License-Identifier: Apache-2.0 */
/* export: the log as CloudEvents lines, into a file that appears whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cloudevent.h"
#include "client/interrupt.h"
#include "client/output.h"
#include "client/verbs.h"

struct exporting {
    FILE *file;
    uint64_t count;
    int cause; /* errno of the write that failed */
    struct progress progress;
};

static enum felloe_code cannot_write(struct cli *cli, const char *name, int cause)
{
    bool disk = cause == ENOSPC || cause == EDQUOT || cause == EIO;
    enum felloe_code code = disk ? FELLOE_STORAGE : FELLOE_DENIED;
    return cli_fail(cli, code, "cannot write %s: %s", name, strerror(cause));
}

static bool write_event(void *context, const struct felloe_value *event)
{
    struct exporting *run = context;
    json_t *json = cloudevent_of(event);
    errno = 0;
    bool done = json && json_dumpf(json, run->file, JSON_COMPACT) == 0 && putc('\n', run->file) != EOF;
    if (!done)
        run->cause = errno ? errno : ENOMEM;
    json_decref(json);
    run->count += done;
    if (run->count % 256 == 0)
        progress_show(&run->progress, run->count, 0, "exporting");
    return done && !interrupted();
}

static enum felloe_code write_events(struct cli *cli, struct exporting *run, const char *name)
{
    const struct felloe_argument arguments[] = {{.name = "for", .kind = FELLOE_TEXT, .text = "export"},
                                                {.name = "site", .kind = FELLOE_TEXT, .text = cli_option(cli, "site")}};
    progress_init(&run->progress, "exporting", cli->json);
    enum felloe_code code = cli_connect(cli);
    if (code == FELLOE_OK)
        code = felloe_stream(cli->client, "log", arguments, 2, write_event, run, NULL, NULL, &cli->error);
    progress_end(&run->progress);
    if (code == FELLOE_OK && interrupted())
        return cli_fail(cli, FELLOE_INTERRUPTED, "stopped; %s is as it was before", name);
    if (code == FELLOE_OK && run->cause == 0 && fflush(run->file) != 0)
        run->cause = errno;
    if (code == FELLOE_OK && run->cause != 0)
        code = cannot_write(cli, name, run->cause);
    return code;
}

static void sync_folder(const char *path)
{
    char copy[4200];
    snprintf(copy, sizeof copy, "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

static enum felloe_code put_in_place(struct cli *cli, struct exporting *run, const char *temporary, const char *name)
{
    if (fsync(fileno(run->file)) != 0 || rename(temporary, name) != 0)
        return cannot_write(cli, name, errno);
    sync_folder(name);
    if (cli->json)
        return out_json(json_pack("{s:s,s:I}", "file", name, "events", (json_int_t)run->count), &cli->error);
    printf("Exported %" PRIu64 " event%s to %s (readable by you alone: it is personal data, unsealed)\n", run->count,
           run->count == 1 ? "" : "s", name);
    return FELLOE_OK;
}

static enum felloe_code export_to(struct cli *cli, const char *name)
{
    struct exporting run = {0};
    struct stat info;
    char temporary[4200];
    if (stat(name, &info) == 0 && S_ISDIR(info.st_mode))
        return cannot_write(cli, name, EISDIR);
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.XXXXXX", name) >= sizeof temporary)
        return cli_fail(cli, FELLOE_USAGE, "the file's name is too long");
    int fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
    run.file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!run.file)
        return cannot_write(cli, name, errno);
    interrupt_watch();
    enum felloe_code code = write_events(cli, &run, name);
    if (code == FELLOE_OK)
        code = put_in_place(cli, &run, temporary, name);
    fclose(run.file);
    if (code != FELLOE_OK)
        unlink(temporary);
    return code;
}

static enum felloe_code run_export(struct cli *cli)
{
    struct exporting run = {.file = stdout};
    enum felloe_code code = cli_connect(cli);
    if (code != FELLOE_OK)
        return code;
    return strcmp(cli->words[0], "-") == 0 ? write_events(cli, &run, "standard output") : export_to(cli, cli->words[0]);
}

const struct verb verb_export = {
    "export", "Keep it well", "FILE|-", "the log as CloudEvents 1.0 JSON lines",
    "The file appears whole or not at all. - is standard output. With --site only that site's events.", NULL, 1, 1,
    run_export};
