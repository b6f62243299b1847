/* Which queue, and which of its letters. */
#include "base/date.h"
#include "dlq_cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The selection, ready to be asked. */
struct filter {
    const struct args *a;
    const char *pipeline;
    char *const *ids; /* operands */
    size_t n_ids;
    int64_t since, until; /* inclusive */
    const char *state;
    uint64_t max_attempts;
    struct buf text; /* scratch */
};

static bool names_queue(const struct args *a)
{
    return a->dlq && strcmp(a->dlq, "none") != 0;
}

char *pick_uri(struct stage *st, const struct args *a)
{
    struct buf b = { .max = 65536 };
    int r;
    if (names_queue(a)) {
        r = stage_expand(st, &b, a->dlq);
    } else if (!st->opts.pipeline) {
        r = err_set(&st->err, ERR_USAGE,
                    "which dead letters? name them by --dlq URI or --pipeline "
                    "NAME");
    } else if (strchr(st->opts.pipeline, '/')) {
        r = err_set(&st->err, ERR_USAGE, "pipeline name '%s' holds a '/'",
                    st->opts.pipeline);
    } else {
        r = stage_state_dir(st, &b);
        buf_addf(&b, "/dlq/%s/", st->opts.pipeline);
    }
    if (r == 0 && buf_z(&b))
        return b.p; /* the caller's from here on */
    if (r == 0)
        err_nomem(&st->err);
    buf_free(&b);
    return NULL;
}

bool pick_is_given(const struct stage *st, const struct args *a)
{
    return a->all || a->ids.n || a->stages.n || a->codes.n || a->runs.n ||
           a->since || a->until || a->state || a->older_than_ms || st->argc > 1;
}

/* ---- the filter */

static int parse_bound(struct stage *st, const char *option, const char *text,
                       bool last, int64_t *us)
{
    int64_t day;
    if (date_parse(str_of(text), &day)) {
        *us = last ? tz_day_start(day + 1, st->opts.tz) - 1
                   : tz_day_start(day, st->opts.tz);
        return 0;
    }
    if (time_parse(str_of(text), st->opts.tz, us))
        return 0;
    return err_set(&st->err, ERR_USAGE,
                   "option --%s: '%s' is no date (YYYY-MM-DD) and no time "
                   "(RFC 3339)",
                   option, text);
}

static int check_prefix(struct stage *st, const char *id)
{
    size_t n = strlen(id);
    if (n == 0 || n > 32 || strspn(id, "0123456789abcdef") != n)
        return err_set(&st->err, ERR_USAGE,
                       "'%s' is no id of a letter, nor the start of one", id);
    return 0;
}

static int filter_init(struct filter *f, struct stage *st, const struct args *a,
                       const char *state)
{
    *f = (struct filter){
        .a = a,
        .pipeline = st->opts.pipeline,
        .ids = st->argv + 1,
        .n_ids = st->argc > 1 ? (size_t)st->argc - 1 : 0,
        .since = INT64_MIN,
        .until = INT64_MAX,
        .state = a->state ? a->state : state,
        .max_attempts = a->max_attempts ? a->max_attempts : DLQ_MAX_ATTEMPTS,
        .text = { .max = DLQ_LINE_MAX },
    };
    for (size_t i = 0; i < f->n_ids; i++)
        if (check_prefix(st, f->ids[i]))
            return -1;
    for (size_t i = 0; i < a->ids.n; i++)
        if (check_prefix(st, a->ids.v[i]))
            return -1;
    if ((a->since && parse_bound(st, "since", a->since, false, &f->since)) ||
        (a->until && parse_bound(st, "until", a->until, true, &f->until)))
        return -1;
    if (a->older_than_ms) {
        uint64_t ms = a->older_than_ms < INT64_MAX / 2000 ? a->older_than_ms
                                                          : INT64_MAX / 2000;
        int64_t before = time_now() - (int64_t)ms * 1000;
        f->until = before < f->until ? before : f->until;
    }
    return 0;
}

static bool id_matches(const struct filter *f, struct hash128 id)
{
    char hex[33];
    if (f->n_ids == 0 && f->a->ids.n == 0)
        return true;
    hash128_hex(id, hex);
    for (size_t i = 0; i < f->n_ids; i++)
        if (strncmp(hex, f->ids[i], strlen(f->ids[i])) == 0)
            return true;
    for (size_t i = 0; i < f->a->ids.n; i++)
        if (strncmp(hex, f->a->ids.v[i], strlen(f->a->ids.v[i])) == 0)
            return true;
    return false;
}

static bool state_matches(const struct filter *f, const struct dlq_place *p)
{
    if (strcmp(f->state, "poison") == 0)
        return dlq_is_poison(p, f->max_attempts);
    return strcmp(f->state, "all") == 0 ||
           strcmp(f->state, dlq_state_name(p->state)) == 0;
}

/* What the table of letters alone can tell. */
static bool place_matches(const struct filter *f, const struct dlq_place *p)
{
    return p->us >= f->since && p->us <= f->until && state_matches(f, p) &&
           id_matches(f, p->id);
}

static bool one_of(struct filter *f, struct val v, const struct opt_list *list)
{
    buf_reset(&f->text);
    text_of(&f->text, v);
    for (size_t i = 0; i < list->n; i++)
        if (str_eq(buf_str(&f->text), str_of(list->v[i])))
            return true;
    return list->n == 0;
}

static bool code_matches(struct filter *f, const struct envelope *v)
{
    struct json_iter it = json_iter(v->errors.raw);
    struct val error;
    if (f->a->codes.n == 0)
        return true;
    while (json_next(&it, NULL, &error))
        if (one_of(f, json_get(error, STR("code")), &f->a->codes))
            return true;
    return false;
}

static bool needs_text(const struct filter *f)
{
    return f->a->stages.n || f->a->codes.n || f->a->runs.n || f->pipeline;
}

static bool text_matches(struct filter *f, const struct envelope *v)
{
    struct opt_list pipelines = { &f->pipeline, f->pipeline ? 1 : 0 };
    return one_of(f, v->stage, &f->a->stages) &&
           one_of(f, v->run_id, &f->a->runs) &&
           one_of(f, v->pipeline, &pipelines) && code_matches(f, v);
}

/* ---- the pick */

static int choose(struct pick *p, struct stage *st, struct filter *f)
{
    p->v = calloc(p->read.n_entries + 1, sizeof(*p->v));
    if (!p->v)
        return err_nomem(&st->err);
    for (size_t i = 0; i < p->read.n_entries; i++) {
        struct envelope v;
        if (stage_tick(st))
            return -1;
        if (!place_matches(f, dlq_read_place(&p->read, i)))
            continue;
        if (needs_text(f)) {
            if (dlq_read_get(&p->read, i, &v, &st->err))
                return -1;
            if (!text_matches(f, &v))
                continue;
        }
        p->v[p->n++] = i;
    }
    return 0;
}

static void report_damage(struct stage *st, const struct dlq_read *r)
{
    if (r->damaged)
        stage_note(st,
                   "%llu damaged lines left alone, the first of them in '%s'",
                   (unsigned long long)r->damaged, r->damaged_in);
    if (r->torn)
        stage_note(st, "a killed writer left half a line at the end of '%s'",
                   r->torn_in);
}

/* A pipeline's queue, its folder or PIPE_DLQ, comes with its first letter; one
 * that was typed and is not there may be a slip. */
static bool is_slip(const struct args *a, const struct pick *p)
{
    const char *env = getenv("PIPE_DLQ");
    return names_queue(a) && !(env && strcmp(env, a->dlq) == 0) &&
           access(p->read.target.path, F_OK) != 0 && errno == ENOENT;
}

static void report_none(struct stage *st, const struct args *a, struct pick *p)
{
    if (is_slip(a, p))
        stage_note(st, "no dead letters: '%s' is not there", p->uri);
    else if (isatty(STDERR_FILENO))
        stage_note(st, "no dead letters to %s in '%s'", st->argv[0], p->uri);
    else
        return;
    p->noted = true;
}

int pick_open(struct pick *p, struct stage *st, const struct args *a,
              const char *state, bool repair)
{
    struct filter f;
    *p = (struct pick){ 0 };
    p->uri = pick_uri(st, a);
    if (!p->uri || filter_init(&f, st, a, state) ||
        dlq_read_open(&p->read, p->uri, repair, &st->err))
        return -1;
    p->open = true;
    p->max_attempts = f.max_attempts;
    report_damage(st, &p->read);
    int r = choose(p, st, &f);
    buf_free(&f.text);
    if (r == 0 && p->n == 0)
        report_none(st, a, p);
    return r;
}

const char *pick_state(const struct pick *p, size_t i)
{
    const struct dlq_place *place = dlq_read_place(&p->read, p->v[i]);
    return dlq_is_poison(place, p->max_attempts) ? "poison"
                                                 : dlq_state_name(place->state);
}

void pick_close(struct pick *p)
{
    if (p->open)
        dlq_read_close(&p->read);
    free(p->v);
    free(p->uri);
    *p = (struct pick){ 0 };
}
