#include "dlq/dlq.h"

#include "base/date.h"
#include "dlq/envelope.h"
#include "dlq/idmap.h"
#include "dlq/read.h"
#include "dlq/replays.h"
#include "dlq/segment.h"
#include "dlq/topic.h"

#include <stdlib.h>
#include <unistd.h>

/* Letters are written when they are so many bytes, or at dlq_flush: each write
 * takes a lock, and looks whether the file is still in its place. */
#define PENDING ((size_t)64 << 10)

struct dlq {
    struct target target;
    struct topic *topic; /* instead of target; NULL: it is not one */
    char *uri;           /* what topic borrows */
    struct replays replays;
    char *cwd;         /* where the process ran when the queue was opened */
    struct idmap open; /* ids of letters that were open, or came again */
    struct idmap seen; /* subjects of this run to their occurrences */
    struct segment segment;
    struct buf line;   /* letters that are not written yet */
    struct buf marked; /* letters noted for the next mark */
    int64_t last_us;   /* times of one writer only go up */
    bool loaded, dirty, sync_failed;
};

bool dlq_replaying(void)
{
    const char *path = getenv(REPLAYS_ENV);
    return path && *path;
}

static int open_place(struct dlq *q, const char *uri, struct err *e)
{
    if (q->replays.target && !q->replays.behind)
        uri = q->replays.target;
    if (!topic_is(uri))
        return target_parse(&q->target, uri, e) || target_check(&q->target, e)
                   ? -1
                   : 0;
    q->uri = strdup(uri);
    if (!q->uri)
        return err_nomem(e);
    q->topic = topic_open(q->uri, e);
    return q->topic ? 0 : -1;
}

struct dlq *dlq_open(const char *uri, struct err *e)
{
    struct dlq *q = calloc(1, sizeof(*q));
    if (!q) {
        err_nomem(e);
        return NULL;
    }
    q->segment.fd = -1;
    q->line.max = DLQ_LINE_MAX;
    q->marked.max = DLQ_LINE_MAX;
    q->cwd = getcwd(NULL, 0);
    if (replays_load(&q->replays, e) || open_place(q, uri, e)) {
        dlq_close(q);
        return NULL;
    }
    return q;
}

static int note_open(struct dlq *q, struct hash128 id, struct err *e)
{
    uint64_t *at = idmap_at(&q->open, id);
    if (!at)
        return err_nomem(e);
    *at = 1;
    return 0;
}

/* Learns which letters are there and open. */
static int load(struct dlq *q, struct err *e)
{
    struct dlq_read r;
    if (q->loaded)
        return 0;
    if (dlq_read_open(&r, q->target.path, true, e))
        return -1;
    int bad = 0;
    for (size_t i = 0; !bad && i < r.n_entries; i++) {
        const struct dlq_place *p = dlq_read_place(&r, i);
        bad = p->state == DLQ_OPEN ? note_open(q, p->id, e) : 0;
    }
    dlq_read_close(&r);
    q->loaded = !bad;
    return bad;
}

static int64_t next_time(struct dlq *q)
{
    int64_t now = time_now();
    q->last_us = now > q->last_us ? now : q->last_us + 1;
    return q->last_us;
}

static int open_segment(struct dlq *q, struct err *e)
{
    return q->segment.fd < 0 && !q->segment.path
               ? segment_open(&q->segment, &q->target, e)
               : 0;
}

int dlq_flush(struct dlq *q, struct err *e)
{
    if (q->line.failed)
        return err_nomem(e);
    if (q->line.n == 0)
        return 0;
    int r = open_segment(q, e);
    if (r == 0)
        r = segment_append(&q->segment, buf_str(&q->line), e);
    buf_reset(&q->line); /* what did not fit now will not fit later */
    q->dirty = true;
    return r;
}

/* Finds the letter's id and attempt: that of the replayed one, or that of its
 * next occurrence in this run. */
static int identify(struct dlq *q, const struct dlq_letter *l,
                    struct envelope_facts *f, struct err *e)
{
    struct replay again;
    if (q->replays.n && replays_take(&q->replays, hash128(l->raw), &again)) {
        f->id = again.id;
        f->attempt = again.attempt + 1;
        f->source = again.source;
        f->edits = again.edits;
        return 0;
    }
    uint64_t *count = idmap_at(&q->seen, envelope_subject(l));
    if (!count)
        return err_nomem(e);
    f->id = envelope_id(l, ++*count);
    f->attempt = 1;
    return 0;
}

/* What the topic has already nobody knows: letters that come again have the
 * same id. */
static int add_message(struct dlq *q, const struct dlq_letter *l, bool *added,
                       struct err *e)
{
    struct envelope_facts f = { .cwd = q->cwd };
    if (identify(q, l, &f, e) || topic_add(q->topic, l, &f, e))
        return -1;
    if (added)
        *added = true;
    return 0;
}

int dlq_add(struct dlq *q, const struct dlq_letter *l, bool *added,
            struct err *e)
{
    struct envelope_facts f = { .cwd = q->cwd };
    if (added)
        *added = false;
    if (q->topic)
        return add_message(q, l, added, e);
    if (load(q, e) || identify(q, l, &f, e))
        return -1;
    if (f.attempt == 1 && idmap_get(&q->open, f.id))
        return 0;
    if (open_segment(q, e))
        return -1;
    f.us = next_time(q);
    if (envelope_write(&q->line, l, &f))
        return err_nomem(e);
    /* First attempts of one run differ in their ids; that of a letter that was
     * replayed may come again. */
    if (f.attempt > 1 && note_open(q, f.id, e))
        return -1;
    if (added)
        *added = true;
    return q->line.n < PENDING ? 0 : dlq_flush(q, e);
}

int dlq_mark(struct dlq *q, struct hash128 id, const int64_t *of, size_t n,
             struct err *e)
{
    return envelope_mark_letter(&q->marked, id, of, n) ? err_nomem(e) : 0;
}

static int write_mark(struct dlq *q, enum dlq_marks mark, struct str run_id,
                      struct str run, int64_t *us, struct err *e)
{
    *us = next_time(q);
    envelope_write_mark(&q->line, mark, run_id, run, *us, buf_str(&q->marked));
    buf_reset(&q->marked);
    return open_segment(q, e) || dlq_flush(q, e) ? -1 : 0;
}

int dlq_mark_write(struct dlq *q, enum dlq_marks mark, struct str run_id,
                   struct err *e)
{
    int64_t us;
    return q->marked.n ? write_mark(q, mark, run_id, STR(""), &us, e) : 0;
}

struct hash128 dlq_journal_id(struct str run)
{
    return hash128(run);
}

int dlq_journal(struct dlq *q, struct str run_id, struct str run, int64_t *us,
                struct err *e)
{
    return write_mark(q, DLQ_MARK_REPLAYING, run_id, run, us, e) ||
                   dlq_sync(q, e)
               ? -1
               : 0;
}

int dlq_add_edit(struct dlq *q, const struct envelope *v,
                 const struct dlq_edit *d, struct err *e)
{
    int64_t us = next_time(q);
    if (open_segment(q, e))
        return -1;
    if (envelope_write_edit(&q->line, v, d, us))
        return err_nomem(e);
    if (dlq_mark(q, v->id, &us, 1, e))
        return -1;
    return q->line.n < PENDING ? 0 : dlq_flush(q, e);
}

/* The lines first: a mark on the disk without all that it names would make a
 * part of the edit count. */
int dlq_edit_done(struct dlq *q, struct err *e)
{
    int64_t us;
    if (q->marked.n == 0)
        return 0;
    return dlq_sync(q, e) ||
                   write_mark(q, DLQ_MARK_EDITED, STR(""), STR(""), &us, e) ||
                   dlq_sync(q, e)
               ? -1
               : 0;
}

int dlq_sync(struct dlq *q, struct err *e)
{
    if (q->topic)
        return topic_sync(q->topic, e);
    if (q->sync_failed)
        return err_set(e, ERR_IO, "cannot sync '%s': an earlier sync failed",
                       q->target.path);
    if (dlq_flush(q, e))
        return -1;
    if (!q->dirty)
        return 0;
    /* The kernel forgets the pages that it could not write, so a second fsync
     * would call them safe. */
    if (segment_sync(&q->segment, e)) {
        q->sync_failed = true;
        return -1;
    }
    q->dirty = false;
    return 0;
}

void dlq_close(struct dlq *q)
{
    if (!q)
        return;
    topic_close(q->topic);
    free(q->uri);
    segment_close(&q->segment);
    target_free(&q->target);
    replays_free(&q->replays);
    idmap_free(&q->open);
    idmap_free(&q->seen);
    buf_free(&q->line);
    buf_free(&q->marked);
    free(q->cwd);
    free(q);
}

const char *dlq_path(const struct dlq *q)
{
    return q->topic ? q->uri : q->segment.path;
}
