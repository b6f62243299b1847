/* Loads and marks as one: what is loaded is marked, although a ledger in some
 * database and the queue are two places.
 *
 * Before a run can commit, the journal says which letters it loads, and the
 * run's folder is going to say what it commits. A replay that dies leaves both:
 * the next one asks, and then marks the letters or lets them go. */
#include "base/date.h"
#include "replay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- marks */

static int note_letter(struct job *j, struct dlq *q, const struct fed *l)
{
    size_t n = dlq_read_open_lines(&j->pick.read, l->entry, NULL, 0);
    int64_t *us = calloc(n + 1, sizeof(*us));
    if (!us)
        return err_nomem(&j->st->err);
    dlq_read_open_lines(&j->pick.read, l->entry, us, n);
    int r = dlq_mark(q, l->id, us, n, &j->st->err);
    free(us);
    return r;
}

static int note_letters(struct job *j, struct dlq *q, size_t group)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < j->feed.n; i++) {
        const struct fed *l = &j->feed.v[i];
        if (!l->back && !l->done && (group == ALL || l->group == group))
            r = note_letter(j, q, l);
    }
    return r;
}

/* Closes the letters, and the journal of them where there is one. */
static int mark(struct job *j, size_t group, const struct journal *is,
                enum dlq_marks how)
{
    struct err *e = &j->st->err;
    char run_id[40];
    struct dlq *q = dlq_open(j->target, e);
    if (!q)
        return -1;
    if (is) /* what came back since is not what was loaded then */
        memcpy(run_id, is->run_id, sizeof(run_id));
    else
        feed_run_id(&j->feed, group, run_id);
    int r = how == DLQ_MARK_REPLAYED ? note_letters(j, q, group) : 0;
    if (r == 0 && is)
        r = dlq_mark(q, is->id, &is->us, 1, e);
    if (r == 0 && how == DLQ_MARK_REPLAYED && j->unfinished.n)
        r = dlq_mark(q, j->earlier.id, &j->earlier.us, 1, e);
    if (r == 0)
        r = dlq_mark_write(q, how, str_of(run_id), e) || dlq_sync(q, e);
    dlq_close(q);
    return r ? -1 : 0;
}

int journal_mark(struct job *j)
{
    return mark(j, ALL, NULL, DLQ_MARK_REPLAYED);
}

int64_t journal_find_back(struct job *j)
{
    struct dlq_read now;
    struct idmap attempts = { 0 };
    int64_t back = 0;
    if (dlq_read_open(&now, j->target, false, &j->st->err))
        return -1;
    for (size_t i = 0; back == 0 && i < now.n_entries; i++) {
        const struct dlq_place *p = dlq_read_place(&now, i);
        if (p->state != DLQ_OPEN)
            continue;
        uint64_t *at = idmap_at(&attempts, p->id);
        if (at)
            *at = p->attempt;
        else
            back = err_nomem(&j->st->err);
    }
    for (size_t i = 0; back >= 0 && i < j->feed.n; i++) {
        struct fed *l = &j->feed.v[i];
        l->back = idmap_get(&attempts, l->id) > l->attempt;
        back += l->back;
    }
    idmap_free(&attempts);
    dlq_read_close(&now);
    return back;
}

/* ---- one run */

int journal_begin(struct job *j, size_t group, const struct held *g,
                  struct journal *is)
{
    struct err *e = &j->st->err;
    struct str dir = buf_str(&g->dir);
    if (held_note(g, e))
        return -1;
    struct dlq *q = dlq_open(j->target, e);
    if (!q)
        return -1;
    feed_run_id(&j->feed, group, is->run_id);
    is->id = dlq_journal_id(dir);
    int r = note_letters(j, q, group) ||
            dlq_journal(q, str_of(is->run_id), dir, &is->us, e);
    dlq_close(q);
    return r ? -1 : 0;
}

int journal_end(struct job *j, size_t group, const struct held *g,
                const struct journal *is, enum held_fate *fate)
{
    if (held_fate(g->dir.p, fate, &j->st->err) || journal_find_back(j) < 0)
        return -1;
    if (*fate == HELD_IN_PART)
        return 0;
    return mark(j, group, is,
                *fate == HELD_COMMITTED ? DLQ_MARK_REPLAYED
                                        : DLQ_MARK_RELEASED);
}

/* ---- runs of replays that died */

/* What was loaded, as far as that is not for somebody else to say. */
static int find_fate(struct job *j, const struct envelope *v,
                     enum held_fate *fate)
{
    const char *said = j->a->unresolved;
    struct buf dir = { .max = 65536 };
    int r;
    if (said && strcmp(said, "ask") != 0) {
        *fate = strcmp(said, "committed") == 0 ? HELD_COMMITTED : HELD_LOST;
        return 0;
    }
    if (text_of(&dir, v->run) || !buf_z(&dir) || strlen(dir.p) != dir.n)
        r = err_nomem(&j->st->err);
    else
        r = held_fate(dir.p, fate, &j->st->err);
    buf_free(&dir);
    return r;
}

/* The lines of one letter, as a journal names them. */
struct lines_of {
    struct hash128 id;
    int64_t *us; /* owned */
    size_t n, cap;
};

static int add_line(struct lines_of *l, int64_t us, struct err *e)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 16;
        int64_t *grown = realloc(l->us, cap * sizeof(*grown));
        if (!grown)
            return err_nomem(e);
        l->us = grown;
        l->cap = cap;
    }
    l->us[l->n++] = us;
    return 0;
}

/* A letter goes into the next mark; or, without a queue, is noted to be fed
 * once more. */
static int take_letter(struct job *j, struct dlq *q, const struct lines_of *l)
{
    if (q)
        return dlq_mark(q, l->id, l->us, l->n, &j->st->err);
    for (size_t i = 0; i < l->n; i++) {
        uint64_t *at =
            idmap_at(&j->unfinished, envelope_line_key(l->id, l->us[i]));
        if (!at)
            return err_nomem(&j->st->err);
        *at = 1;
    }
    return 0;
}

/* All letters of a journal; *n is their number. */
static int take_letters(struct job *j, struct dlq *q, const struct envelope *v,
                        uint64_t *n)
{
    struct envelope_of of = envelope_of(v);
    struct lines_of l = { 0 };
    int r = 0;
    *n = 0;
    while (r == 0 && envelope_next_of(&of)) {
        if (l.n && (l.id.lo != of.id.lo || l.id.hi != of.id.hi)) {
            r = take_letter(j, q, &l);
            l.n = 0;
        }
        *n += l.n == 0;
        l.id = of.id;
        if (r == 0)
            r = add_line(&l, of.us, &j->st->err);
    }
    if (r == 0 && l.n)
        r = take_letter(j, q, &l);
    free(l.us);
    return r;
}

static int close_journal(struct job *j, const struct target *t,
                         const struct dlq_journal *is, const struct envelope *v,
                         bool committed)
{
    struct err *e = &j->st->err;
    struct buf run_id = { 0 };
    uint64_t n = 0;
    struct dlq *q = dlq_open(t->path, e);
    if (!q)
        return -1;
    int r = text_of(&run_id, v->run_id) ? err_nomem(e) : 0;
    if (r == 0 && committed)
        r = take_letters(j, q, v, &n);
    if (r == 0)
        r = dlq_mark(q, is->id, &is->us, 1, e) ||
            dlq_mark_write(q, committed ? DLQ_MARK_REPLAYED : DLQ_MARK_RELEASED,
                           buf_str(&run_id), e) ||
            dlq_sync(q, e);
    dlq_close(q);
    buf_free(&run_id);
    if (r == 0 && committed)
        stage_note(j->st,
                   "%" PRIu64 " letter%s marked as replayed: a replay that "
                   "died had loaded %s",
                   n, n == 1 ? "" : "s", n == 1 ? "it" : "them");
    return r ? -1 : 0;
}

static int recover_one(struct job *j, struct dlq_read *r, size_t i)
{
    struct envelope v;
    enum held_fate fate;
    uint64_t n;
    if (dlq_read_journal(r, i, &v, &j->st->err) || find_fate(j, &v, &fate))
        return -1;
    if (fate != HELD_IN_PART)
        return close_journal(j, &r->target, &r->journals[i], &v,
                             fate == HELD_COMMITTED);
    stage_note(j->st, "an earlier replay was committed in part: its letters go "
                      "again, and no others");
    j->earlier =
        (struct journal){ .id = r->journals[i].id, .us = r->journals[i].us };
    return take_letters(j, NULL, &v, &n);
}

int journal_recover(struct job *j)
{
    struct dlq_read r;
    char *uri = pick_uri(j->st, j->a);
    int bad = uri ? dlq_read_open(&r, uri, true, &j->st->err) : -1;
    free(uri);
    if (bad)
        return -1;
    for (size_t i = 0; !bad && j->unfinished.n == 0 && i < r.n_journals; i++)
        bad = r.journals[i].closed ? 0 : recover_one(j, &r, i);
    dlq_read_close(&r);
    return bad ? -1 : 0;
}
