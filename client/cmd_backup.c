/* SPDX-License-Identifier: Apache-2.0 */
/* backup: the log or the keys, copied by the daemon while it goes on, into a file that appears whole or not at all.
 *
 *   FILE.part (new, 0600) -> all pieces -> fsync -> read back, hash -> rename to FILE, which must not be there -> fsync
 *   of the folder */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client/interrupt.h"
#include "client/output.h"
#include "client/upkeep.h"
#include "client/verbs.h"
#include "client/when.h"
#include "proto/backup.h"

struct backing_up {
    const char *name;     /* of the file; for messages */
    int fd;
    int cause;            /* errno of the write that failed */
    uint64_t bytes;
    struct progress progress;
};

static enum felloe_code cannot_write(struct cli *cli, const char *name, int cause)
{
    switch (cause) {
    case EEXIST:
        return cli_fail(cli, FELLOE_IN_USE,
                        "%s is there already, and a backup never takes the place of another. Give another name", name);
    case ENOENT:
    case ENOTDIR:
        return cli_fail(cli, FELLOE_NOT_FOUND, "there is no folder for %s", name);
    case ENOSPC:
    case EDQUOT:
        return cli_fail(cli, FELLOE_STORAGE, "the disk is full: %s was not written. Free some space, or give a name on "
                        "another disk", name);
    case EIO:
        return cli_fail(cli, FELLOE_STORAGE, "the disk reports an error on %s. Back up to another one", name);
    case EPIPE:
        return cli_fail(cli, FELLOE_FAILED, "nobody takes the backup any longer: it is not whole");
    default:
        return cli_fail(cli, FELLOE_DENIED, "cannot write %s: %s", name, strerror(cause));
    }
}

static bool write_piece(void *context, const struct felloe_value *piece)
{
    struct backing_up *run = context;
    size_t len;
    const uint8_t *data = felloe_value_bytes(piece, &len);
    for (size_t at = 0; at < len && run->cause == 0;) {
        ssize_t put = write(run->fd, data + at, len - at);
        if (put < 0 && errno != EINTR)
            run->cause = errno;
        at += put > 0 ? (size_t)put : 0;
    }
    run->bytes += len;
    return run->cause == 0 && !interrupted();
}

static enum felloe_code receive(struct cli *cli, struct backing_up *run, struct felloe_answer **answer)
{
    const struct felloe_argument keys = {.name = "keys", .kind = FELLOE_BOOL,
                                         .integer = cli_option(cli, "keys") != NULL};
    const struct felloe_progress reports = progress_reports(&run->progress);
    progress_init(&run->progress, "copying", cli->json);
    enum felloe_code code = cli_connect(cli);
    if (code == FELLOE_OK)
        code = felloe_stream(cli->client, "backup", &keys, 1, write_piece, run, &reports, answer, &cli->error);
    progress_end(&run->progress);
    if (code == FELLOE_OK && run->cause != 0)
        return cannot_write(cli, run->name, run->cause);
    if (code == FELLOE_OK && interrupted())
        return cli_fail(cli, FELLOE_INTERRUPTED, "stopped; there is no %s", run->name);
    if (code == FELLOE_OK &&
        run->bytes != (uint64_t)felloe_value_integer(felloe_value_get(felloe_answer_summary(*answer), "bytes")))
        return cli_fail(cli, FELLOE_FAILED, "the backup did not come whole. Make it again");
    return code;
}

/* What the disk gives back is what the daemon hashed. */
static enum felloe_code check_hash(struct cli *cli, struct backing_up *run)
{
    static uint8_t chunk[256 * 1024];
    uint8_t found[BACKUP_HASH_SIZE], want[BACKUP_HASH_SIZE];
    crypto_generichash_state state;
    uint64_t at = 0, end = run->bytes - BACKUP_HASH_SIZE;
    crypto_generichash_init(&state, NULL, 0, sizeof found);
    (void)posix_fadvise(run->fd, 0, 0, POSIX_FADV_DONTNEED); /* from the disk where that can be */
    while (at < end) {
        uint64_t left = end - at;
        ssize_t got = pread(run->fd, chunk, left < sizeof chunk ? (size_t)left : sizeof chunk, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return cannot_write(cli, run->name, got < 0 ? errno : EIO);
        crypto_generichash_update(&state, chunk, (size_t)got);
        at += (uint64_t)got;
    }
    crypto_generichash_final(&state, found, sizeof found);
    if (pread(run->fd, want, sizeof want, (off_t)end) == (ssize_t)sizeof want &&
        memcmp(want, found, sizeof want) == 0)
        return FELLOE_OK;
    return cli_fail(cli, FELLOE_STORAGE, "what the disk gives back is not what was written to %s. Back up to another "
                    "disk", run->name);
}

static void sync_folder(const char *path)
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

/* Never over another file, also where somebody made one meanwhile. */
static int rename_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return errno;
    if (link(from, to) == 0) /* network file systems */
        return unlink(from) == 0 ? 0 : errno;
    if (errno == EEXIST)
        return errno;
    struct stat there;
    if (lstat(to, &there) == 0)
        return EEXIST;
    return rename(from, to) == 0 ? 0 : errno;
}

static enum felloe_code put_in_place(struct cli *cli, struct backing_up *run, const char *part)
{
    if (fsync(run->fd) != 0)
        return cannot_write(cli, run->name, errno);
    enum felloe_code code = check_hash(cli, run);
    int cause = code == FELLOE_OK ? rename_new(part, run->name) : 0;
    if (cause != 0)
        return cannot_write(cli, run->name, cause);
    if (code == FELLOE_OK)
        sync_folder(run->name);
    return code;
}

static enum felloe_code confirm(struct cli *cli, const struct backing_up *run, const struct felloe_value *summary)
{
    if (cli->json) {
        json_t *json = json_of(summary);
        char made[WHEN_MAX];
        when_iso(felloe_value_integer(felloe_value_get(summary, "made")), made);
        json_object_set_new(json, "made", json_string(made));
        json_object_set_new(json, "file", json_string(run->name));
        return out_json(json, &cli->error);
    }
    bool keys = cli_option(cli, "keys") != NULL;
    printf("Backed up the %s of ", keys ? "keys" : "log");
    out_text(stdout, felloe_value_text(felloe_value_get(summary, "name")));
    if (run->bytes < 1000000)
        printf(" to %s (%.0f KB)\n", run->name, (double)run->bytes / 1e3);
    else
        printf(" to %s (%.1f MB)\n", run->name, (double)run->bytes / 1e6);
    puts(keys ? "Whoever has it and a backup of the log reads everything, and can pass for this device: keep it apart, "
                "and safe."
              : "It is sealed, and of no use without the keys: `felloe backup --keys FILE` backs them up.");
    return FELLOE_OK;
}

static enum felloe_code backup_to(struct cli *cli, const char *name)
{
    struct felloe_answer *answer = NULL;
    struct stat there;
    char part[PATH_MAX];
    if ((size_t)snprintf(part, sizeof part, "%s.part", name) >= sizeof part)
        return cli_fail(cli, FELLOE_USAGE, "the file's name is too long");
    if (lstat(name, &there) == 0)
        return cannot_write(cli, name, EEXIST);
    struct backing_up run = {.name = name, .fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (run.fd < 0 && errno == EEXIST)
        return cli_fail(cli, FELLOE_IN_USE, "%s is there: this backup is being made already, or was interrupted. Where "
                        "none is being made, remove that file", part);
    if (run.fd < 0)
        return cannot_write(cli, name, errno);
    (void)fchmod(run.fd, 0600);
    interrupt_watch();
    enum felloe_code code = receive(cli, &run, &answer);
    if (code == FELLOE_OK)
        code = put_in_place(cli, &run, part);
    close(run.fd);
    if (code == FELLOE_OK)
        code = confirm(cli, &run, felloe_answer_summary(answer));
    else
        unlink(part);
    felloe_answer_free(answer);
    return code;
}

static enum felloe_code backup_out(struct cli *cli)
{
    struct felloe_answer *answer = NULL;
    struct backing_up run = {.name = "standard output", .fd = STDOUT_FILENO};
    if (isatty(STDOUT_FILENO) == 1)
        return cli_fail(cli, FELLOE_USAGE, "a backup is no text for a screen: give a FILE, or send it on: felloe "
                        "backup - | …");
    enum felloe_code code = receive(cli, &run, &answer);
    felloe_answer_free(answer);
    return code;
}

static enum felloe_code run_backup(struct cli *cli)
{
    enum felloe_code code = cli_connect(cli); /* before a file is begun */
    if (code != FELLOE_OK)
        return code;
    return strcmp(cli->words[0], "-") == 0 ? backup_out(cli) : backup_to(cli, cli->words[0]);
}

static const struct option_def options[] = {
    {"keys", NULL, "the keys instead of the log: who this hub or laptop is, its settings, and what opens the log"},
    OPTIONS_END,
};

const struct verb verb_backup = {
    "backup", GROUP_KEEP, "[--keys] FILE|-", "copy the log, or the keys, to a file, while everything goes on",
    "Two files make a hub whole again, each made as often as you can: one of the log, in which nothing about people\n"
    "can be read without keys, and one of the keys, kept apart from it and as safe as the record itself. After an\n"
    "erasure make a new one of the keys, and destroy those before it: they open what was erased.\n\n"
    "FILE must not be there yet; it appears whole or not at all, readable by you alone. While it is being made it is\n"
    "FILE.part; one that a power cut left behind may be removed. - is standard output, but no terminal; nothing is\n"
    "confirmed then, but the exit code says whether it was whole.\n"
    "`felloe hub restore` and `felloe restore` put it back.", options, 1, 1, run_backup};
