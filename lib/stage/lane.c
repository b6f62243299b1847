#include "json/check.h"
#include "stage/private.h"

#include <stdio.h>
#include <stdlib.h>

struct err *lane_err(struct lane *l)
{
    return l->st ? &l->st->err : &l->err;
}

/* ---- what a thread keeps until its block's turn ---- */

struct kept {
    struct record rec; /* its line counts from the block's first */
    struct reason *reasons;
    size_t n;
};

static int keep_text(struct lane *l, struct str *text)
{
    *text = arena_dup(&l->arena, *text);
    return text->p ? 0 : err_nomem(&l->err);
}

static int keep_reject(struct lane *l, const struct record *rec,
                       const struct reason *reasons, size_t n)
{
    if (l->n_kept == l->cap_kept) {
        size_t cap = l->cap_kept ? l->cap_kept * 2 : 16;
        struct kept *grown = realloc(l->kept, cap * sizeof(*grown));
        if (!grown)
            return err_nomem(&l->err);
        l->kept = grown;
        l->cap_kept = cap;
    }
    struct reason *copy = arena_alloc(&l->arena, n * sizeof(*copy));
    if (!copy)
        return err_nomem(&l->err);
    for (size_t i = 0; i < n; i++) {
        copy[i] = reasons[i]; /* codes are static */
        if (keep_text(l, &copy[i].path) || keep_text(l, &copy[i].message) ||
            keep_text(l, &copy[i].schema) || keep_text(l, &copy[i].rule) ||
            keep_text(l, &copy[i].check))
            return -1;
    }
    l->kept[l->n_kept++] = (struct kept){ *rec, copy, n };
    return 0;
}

/* A line that is asked for. */
struct asked {
    uint64_t *line;
    uint64_t at; /* counted from the block's first */
};

int lane_line(struct lane *l, const struct record *rec, uint64_t *line)
{
    if (l->st) {
        *line = rec->line;
        return 0;
    }
    struct asked a = { line, rec->line };
    return buf_add(&l->asked, &a, sizeof(a)) ? err_nomem(&l->err) : 0;
}

static void answer(struct lane *l, uint64_t line)
{
    struct asked a;
    for (size_t i = 0; i < l->asked.n; i += sizeof(a)) {
        memcpy(&a, l->asked.p + i, sizeof(a));
        *a.line = line + a.at;
    }
}

static int keep_run(struct lane *l)
{
    struct str run = l->run;
    l->run = STR("");
    return buf_add_str(&l->out, run) ? err_nomem(&l->err) : 0;
}

/* One record may become many: a block's are more than a record's. */
#define LANE_MAX ((size_t)1 << 30)

static int keep_line(struct buf *out, struct str text, struct err *e)
{
    out->max = LANE_MAX;
    buf_add_str(out, text);
    return buf_addc(out, '\n') ? err_nomem(e) : 0;
}

static int settle_branches(struct lane *l, struct stage *st)
{
    for (size_t i = 0; i < l->n_branches; i++) {
        struct lane_branch *b = &l->branches[i];
        if (branch_write(st, i, buf_str(&b->out), b->rows))
            return -1;
    }
    return 0;
}

int lane_settle(struct lane *l, struct stage *st, uint64_t line)
{
    if (!l->err.code)
        (void)keep_run(l); /* its failure is the lane's, told below */
    uint64_t before = st->counts.in;
    answer(l, line);
    st->counts.in += l->counts.in;
    st->counts.out += l->counts.out;
    st->counts.filtered += l->counts.filtered;
    if (st->priv->samples)
        columns_write(st, buf_str(&l->out));
    if (output_write(&st->out, buf_str(&l->out), &st->err) ||
        settle_branches(l, st))
        return -1;
    for (size_t i = 0; i < l->n_kept; i++) {
        struct kept *k = &l->kept[i];
        k->rec.line += line;
        k->rec.number += before;
        if (stage_reject(st, &k->rec, k->reasons, k->n))
            return -1;
    }
    if (stream_judge_sample(st))
        return -1;
    if (l->truncated)
        return stream_truncated(st, line + l->truncated);
    if (l->err.code) {
        st->err = l->err;
        return -1;
    }
    lane_reset(l);
    return 0;
}

void lane_reset(struct lane *l)
{
    buf_reset(&l->out);
    buf_reset(&l->asked);
    l->run = STR("");
    arena_reset(&l->arena);
    l->n_kept = 0;
    l->counts = (struct counts){ 0 };
    l->truncated = 0;
    for (size_t i = 0; i < l->n_branches; i++) {
        buf_reset(&l->branches[i].out);
        l->branches[i].rows = 0;
    }
}

void lane_free(struct lane *l)
{
    buf_free(&l->out);
    buf_free(&l->asked);
    arena_free(&l->arena);
    free(l->kept);
    for (size_t i = 0; i < l->n_branches; i++)
        buf_free(&l->branches[i].out);
    free(l->branches);
    *l = (struct lane){ 0 };
}

/* ---- the ends of a record ---- */

int lane_pass_record(struct lane *l, const struct record *rec)
{
    if (l->st)
        return stage_pass_record(l->st, rec);
    if (!rec->feed)
        return lane_pass(l, rec->text);
    l->counts.out++;
    if (l->run.p + l->run.n == rec->text.p) {
        l->run.n += rec->text.n + 1;
        return 0;
    }
    int r = keep_run(l);
    l->run = (struct str){ rec->text.p, rec->text.n + 1 };
    return r;
}

int lane_pass(struct lane *l, struct str text)
{
    lane_count_out(l);
    return lane_emit(l, text);
}

void lane_count_out(struct lane *l)
{
    (l->st ? &l->st->counts : &l->counts)->out++;
}

int lane_emit(struct lane *l, struct str text)
{
    if (l->st)
        return stage_emit(l->st, text);
    return keep_run(l) ? -1 : keep_line(&l->out, text, &l->err);
}

static int reserve_branch(struct lane *l, size_t index)
{
    size_t n = index + 1;
    if (n <= l->n_branches)
        return 0;
    struct lane_branch *v = realloc(l->branches, n * sizeof(*v));
    if (!v)
        return err_nomem(&l->err);
    memset(v + l->n_branches, 0, (n - l->n_branches) * sizeof(*v));
    l->branches = v;
    l->n_branches = n;
    return 0;
}

int lane_branch(struct lane *l, size_t index, struct str text)
{
    if (l->st)
        return branch_write(l->st, index, text, 1) ||
                       branch_write(l->st, index, STR("\n"), 0)
                   ? -1
                   : 0;
    if (reserve_branch(l, index))
        return -1;
    l->branches[index].rows++;
    return keep_line(&l->branches[index].out, text, &l->err);
}

int lane_filter(struct lane *l)
{
    (l->st ? &l->st->counts : &l->counts)->filtered++;
    return 0;
}

int lane_reject(struct lane *l, const struct record *rec,
                const struct reason *reasons, size_t n)
{
    return l->st ? stage_reject(l->st, rec, reasons, n)
                 : keep_reject(l, rec, reasons, n);
}

int lane_rejectf(struct lane *l, const struct record *rec, const char *code,
                 const char *path, const char *fmt, ...)
{
    char msg[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    struct reason r = { .code = code,
                        .path = str_of(path),
                        .message = str_of(msg) };
    return lane_reject(l, rec, &r, 1);
}

/* ---- from lines to records ---- */

static int truncated(struct lane *l, const struct line *line)
{
    if (l->st)
        return stream_truncated(l->st, line->line);
    l->truncated = line->line;
    return err_set(&l->err, ERR_DATA, "truncated");
}

/* Is the line a record, to the last byte? Nobody vouches for one without its
 * end: it may be cut. */
static bool is_record(const struct lane *l, const struct reader_line *from)
{
    return !from->line.too_long && from->shaped &&
           ((!l->check && !from->line.unterminated) || reader_check(from));
}

/* A line that is none by its shape; json_check tells why, or knows better. */
static int take_other(struct lane *l, const struct record *rec)
{
    struct json_fault f;
    if (json_check_object(rec->text, (unsigned)l->opts->max_depth, &f) == 0)
        return 1;
    return lane_rejectf(l, rec, f.code, "", "%s at byte %zu", f.why,
                        f.offset + 1);
}

static int take_line(struct lane *l, const struct reader_line *from, bool good,
                     struct record *rec)
{
    const struct line *line = &from->line;
    *rec = (struct record){ line->text,
                            "-",
                            line->line,
                            line->offset,
                            line->too_long ? line->length : 0,
                            good ? from->shaped : NULL,
                            from->feed,
                            0 };
    if (!good && line->unterminated)
        return truncated(l, line);
    rec->number = ++(l->st ? &l->st->counts : &l->counts)->in;
    if (line->too_long)
        return lane_rejectf(l, rec, "too_long", "",
                            "record of %llu bytes, limit is %llu",
                            (unsigned long long)line->length,
                            (unsigned long long)l->opts->max_record);
    return good ? 1 : take_other(l, rec);
}

int lane_take(struct lane *l, const struct reader_line *lines, int n, int *at,
              struct record *recs, int max)
{
    int taken = 0;
    for (; *at < n && taken < max; ++*at) {
        const struct reader_line *from = &lines[*at];
        if (from->blank)
            continue;
        bool good = is_record(l, from);
        if (!good && taken)
            break; /* what comes before is dealt with before */
        int r = take_line(l, from, good, &recs[taken]);
        if (r < 0)
            return -1;
        taken += r;
    }
    return taken;
}
