/* purge: remove letters, and print which unless -q. */
#include "dlq/purge.h"
#include "base/date.h"
#include "dlq_cmd.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define PATIENCE_MS 10000
#define FLOOR_MS ((uint64_t)7 * 86400000)

static int print_chosen(struct stage *st, const struct args *a, struct pick *p)
{
    bool json = wants_json(a);
    if (st->opts.quiet)
        return 0;
    if (!json && p->n && print_heading(st))
        return -1;
    for (size_t i = 0; i < p->n; i++) {
        struct envelope v;
        const char *state = pick_state(p, i);
        if (stage_tick(st) || dlq_read_get(&p->read, p->v[i], &v, &st->err) ||
            (json ? print_json(st, &v, state) : print_row(st, &v, state)))
            return -1;
    }
    return 0;
}

/* The newest letters of the queue stay, whichever were chosen. Entries are by
 * time. */
static void keep_newest(struct pick *p, uint64_t keep)
{
    size_t all = p->read.n_entries, kept = 0;
    size_t stay = all > keep ? all - (size_t)keep : 0;
    for (size_t i = 0; i < p->n; i++)
        if (p->v[i] < stay)
            p->v[kept++] = p->v[i];
    p->n = kept;
}

/* What is open and young is work to do, and not yet waste. */
static uint64_t count_young(const struct pick *p, uint64_t floor_ms)
{
    uint64_t ms = floor_ms < INT64_MAX / 2000 ? floor_ms : INT64_MAX / 2000;
    int64_t since = time_now() - (int64_t)ms * 1000;
    uint64_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct dlq_place *l = dlq_read_place(&p->read, p->v[i]);
        n += l->state == DLQ_OPEN && l->us > since;
    }
    return n;
}

static int check_floor(struct stage *st, const struct args *a,
                       const struct pick *p)
{
    uint64_t floor_ms = a->floor_ms ? a->floor_ms : FLOOR_MS;
    uint64_t young = a->force ? 0 : count_young(p, floor_ms);
    struct buf age = { 0 };
    if (young == 0)
        return 0;
    print_age(&age, (int64_t)floor_ms * 1000);
    const char *span = buf_z(&age) ? age.p : "the floor";
    if (a->dry_run)
        stage_note(st,
                   "%" PRIu64 " of them are open and younger than %s: they "
                   "want --force",
                   young, span);
    else
        err_set(&st->err, ERR_DATA,
                "%" PRIu64 " of %zu letters are open and younger than %s: "
                "nothing is removed (--force removes them, --state replayed "
                "leaves them)",
                young, p->n, span);
    buf_free(&age);
    return a->dry_run ? 0 : -1;
}

/* 1 with the lock; 0 where there is nothing to lock, or nothing to do. */
static int lock_queue(struct stage *st, const struct args *a, int *fd)
{
    struct target target = { 0 };
    char *uri = pick_uri(st, a);
    int r = uri ? target_parse(&target, uri, &st->err) : -1;
    if (r == 0 && !a->dry_run)
        r = target_lock(&target, PATIENCE_MS, fd, &st->err);
    target_free(&target);
    free(uri);
    return r;
}

static void report(struct stage *st, const struct args *a, size_t n,
                   const struct dlq_purged *done)
{
    if (n)
        stage_note(st,
                   a->dry_run ? "would remove %zu letter%s"
                              : "removed %zu letter%s",
                   n, n == 1 ? "" : "s");
    if (done->marked)
        stage_note(st,
                   "%llu of them stand in segments that are being written: "
                   "hidden now, gone with the next purge",
                   (unsigned long long)done->marked);
}

int dlq_purge_cmd(struct stage *st, const struct args *a)
{
    struct pick p = { 0 };
    struct dlq_purged done = { 0 };
    int fd = -1;
    if (!pick_is_given(st, a))
        return err_set(&st->err, ERR_USAGE,
                       "purge what? choose by --older-than, --id, --stage, "
                       "--state ..., or --all");
    int r =
        lock_queue(st, a, &fd) < 0 || pick_open(&p, st, a, "all", !a->dry_run);
    if (r == 0 && a->keep)
        keep_newest(&p, a->keep);
    if (r == 0 && !a->dry_run)
        r = check_floor(st, a, &p);
    /* What is printed is read before it goes. */
    if (r == 0)
        r = print_chosen(st, a, &p) || output_flush(&st->out, &st->err);
    /* Also where nothing was chosen: earlier purges may have left something. */
    if (r == 0 && !a->dry_run)
        r = dlq_purge(&p.read, p.v, p.n, &done, &st->err);
    if (r == 0)
        report(st, a, p.n, &done);
    if (r == 0 && a->dry_run)
        r = check_floor(st, a, &p);
    pick_close(&p);
    if (fd >= 0)
        close(fd);
    return r ? -1 : 0;
}
