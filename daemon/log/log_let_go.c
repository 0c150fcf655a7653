/* SPDX-License-Identifier: Apache-2.0 */
/* LOG_LET_GO: a person moved to another team, and this laptop needs their keys no more. */
#include "daemon/log/log_internal.h"

static enum felloe_code not_now(struct log_job *job, const char *why)
{
    return felloe_fail(&job->error, FELLOE_NOT_FOUND, "%s", why);
}

/* The job is alone in its transaction: the rows are as they were committed. */
static bool has_news(struct event_log *log, uint32_t site, const struct seen *seen)
{
    struct store_key prefix;
    struct store_item item;
    bool news = false;
    key_start(&prefix);
    key_put_u16(&prefix, (uint16_t)site);
    struct store_cursor *cursor = store_cursor_open(log->write.txn, T_HEADS);
    bool more = store_seek_prefix(cursor, key_bytes(&prefix), &item);
    for (; more && !news; more = store_next_prefix(cursor, key_bytes(&prefix), &item)) {
        struct head_row row;
        const uint32_t epoch = item.key.len == 6 ? be_u32(item.key.data + 2) : 0;
        news = epoch == 0 || !head_row_read(item.value, epoch, &row) || row.head.at.n > seen_in(seen, epoch);
    }
    store_cursor_close(cursor);
    return news;
}

/* In any site: a person can have left two of this laptop's, and a restricted key that only it has goes along with what
 * it wrote. */
static bool has_unshared(struct event_log *log)
{
    bool any = false;
    for (uint32_t site = 0; site < log->write.site_count && !any; site++)
        any = log_shared_seq(log->write.txn, site, log->write.incarnation) < log_write_own(log, site)->seq;
    return any;
}

/* Here, on the one thread that adds to the log and to the keyring, nothing can come in between: should the log hold a
 * single entry that the views did not know when they found that the person had moved, it may bring them back. */
enum felloe_code log_run_let_go(struct event_log *log, struct log_job *job)
{
    uint32_t site = log_write_site(log, job->site, &job->error);
    if (site == SITES_MAX)
        return job->error.code;
    if (log->write.going_on != 0)
        return not_now(job, "this laptop is about to go on as another incarnation");
    if (has_news(log, site, &job->seen))
        return not_now(job, "the log has news");
    if (log_write_own(log, site)->seq > job->own_seq || has_unshared(log))
        return not_now(job, "not all that was written here is shared yet");
    return keyring_put_away(log->keyring, job->ids, job->id_count, &job->error);
}
