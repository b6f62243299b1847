#include "sink/pg.h"

#include <stdlib.h>

#define ROOM_LEAST ((size_t)64 << 10) /* of PG_ROOM, where rows are bad */

/* ---- refusals ---- */

static int order_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static int note(struct pg_sink *s, uint64_t number, struct err *e)
{
    return buf_add(&s->refused, &number, sizeof(number)) ? err_nomem(e) : 0;
}

static bool is_noted(const struct pg_sink *s, uint64_t number)
{
    const uint64_t *v = (const uint64_t *)(const void *)s->refused.p;
    for (size_t i = s->refused.n / sizeof(*v); i > 0; i--)
        if (v[i - 1] == number)
            return true;
    return false;
}

/* The group of a record: its first and last number. */
static const uint64_t *group_of(const struct pg_sink *s, uint64_t number)
{
    const uint64_t *v = (const uint64_t *)(const void *)s->groups.p;
    size_t low = 0, high = s->groups.n / (2 * sizeof(*v));
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (v[2 * mid + 1] < number)
            low = mid + 1;
        else
            high = mid;
    }
    bool found = low < s->groups.n / (2 * sizeof(*v)) && v[2 * low] <= number;
    return found ? &v[2 * low] : NULL;
}

/* Those of a block come in any order: they are sorted before they are needed
 * (pg_copy_again). */
int pg_copy_refuse(struct pg_sink *s, uint64_t number,
                   const struct sink_refusal *why, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    const uint64_t *group = group_of(s, number);
    struct sink_record r;
    if (group && is_noted(s, number))
        return 0; /* told with another one of its group */
    for (uint64_t i = group ? group[0] : number;
         i <= (group ? group[1] : number); i++)
        if (note(s, i, e))
            return -1;
    if (backlog_get(&s->backlog, number, &r, e))
        return -1;
    /* Parts of it may be in the target: others of its group, or the end of the
     * row that had its old key. */
    s->split = s->split || group || r.old_key.n;
    return spec->refuse(spec->context, &r, why, e);
}

/* ---- sets of rows ---- */

static void forget(struct pg_rows *r)
{
    buf_reset(&r->text);
    buf_reset(&r->starts);
    buf_reset(&r->numbers);
    r->n = 0;
}

static void free_rows(struct pg_rows *r)
{
    free(r->fields);
    buf_free(&r->text);
    buf_free(&r->starts);
    buf_free(&r->numbers);
    *r = (struct pg_rows){ 0 };
}

void pg_copy_free(struct pg_sink *s)
{
    for (size_t i = 0; i < s->n_rows; i++)
        free_rows(&s->rows[i]);
    s->n_rows = s->pending = 0;
    for (size_t i = 0; i < s->n_sets; i++)
        free(s->sets[i]);
    free(s->sets);
    s->sets = NULL;
    s->n_sets = s->cap_sets = 0;
}

int pg_copy_undo(struct pg_sink *s, uint64_t from, struct err *e)
{
    for (size_t i = 0; i < s->n_rows; i++) {
        struct pg_rows *r = &s->rows[i];
        uint64_t number;
        size_t start, before = r->text.n;
        for (; r->n; r->n--) {
            size_t at = (r->n - 1) * sizeof(number);
            memcpy(&number, r->numbers.p + at, sizeof(number));
            if (number < from)
                break;
            memcpy(&start, r->starts.p + (r->n - 1) * sizeof(start),
                   sizeof(start));
            r->text.n = start;
            r->numbers.n = at;
            r->starts.n = (r->n - 1) * sizeof(start);
        }
        s->pending -= before - r->text.n;
    }
    for (uint64_t i = from; i < s->backlog.n; i++)
        if (!is_noted(s, i) && note(s, i, e))
            return -1;
    if (!s->stage_made)
        return 0;
    buf_reset(&s->sql);
    buf_addf(&s->sql, "DELETE FROM _pipe_stage WHERE _pipe_seq >= %llu",
             (unsigned long long)from);
    return pg_run_sql(s, "write to", e);
}

int pg_copy_set(struct pg_sink *s, struct str fields, size_t max, struct err *e)
{
    for (size_t i = 0; i < s->n_sets; i++)
        if (str_eq(str_of(s->sets[i]), fields))
            return (int)i;
    if (s->n_sets >= max)
        return err_set(e, ERR_DATA,
                       "records have more than %zu different sets of fields: "
                       "too many for mode %s",
                       max, s->base.spec->mode_name);
    if (s->n_sets == s->cap_sets) {
        size_t cap = s->cap_sets ? s->cap_sets * 2 : 16;
        char **grown = realloc(s->sets, cap * sizeof(*grown));
        if (!grown)
            return err_nomem(e);
        s->sets = grown;
        s->cap_sets = cap;
    }
    char *copy = strndup(fields.p, fields.n);
    if (!copy)
        return err_nomem(e);
    s->sets[s->n_sets] = copy;
    return (int)s->n_sets++;
}

static void add_text(struct pg_sink *s, const struct pg_rows *r)
{
    bool first = true;
    for (size_t i = 0; i < r->n_fields; i++) {
        if (r->fields[i] == '0')
            continue;
        buf_addz(&s->sql, first ? "" : ", ");
        first = false;
        pg_ident(&s->sql, str_of(s->table.v[i].name));
    }
    if (s->staged)
        buf_addf(&s->sql, "%s_pipe_seq, _pipe_set, _pipe_op",
                 first ? "" : ", ");
}

static struct str slice(const struct pg_rows *r, size_t from, size_t to)
{
    const size_t *starts = (const size_t *)(const void *)r->starts.p;
    size_t end = to < r->n ? starts[to] : r->text.n;
    return (struct str){ r->text.p + starts[from], end - starts[from] };
}

/* COPY wants a column: rows without a field are inserted. The same results. */
static int send_empty(struct pg_sink *s, size_t n, struct sink_refusal *why,
                      struct err *e)
{
    enum pg_fault fault;
    uint64_t changed;
    buf_reset(&s->sql);
    buf_addz(&s->sql, "INSERT INTO ");
    buf_add_str(&s->sql, buf_str(&s->qualified));
    buf_addf(&s->sql, " SELECT FROM generate_series(1, %zu)", n);
    return pg_try(s, "write to", &changed, &fault, why, e);
}

/* Sends rows from <= i < to. 1, 0 with why and the line at fault, -1. */
static int send(struct pg_sink *s, const struct pg_rows *r, size_t from,
                size_t to, struct sink_refusal *why, uint64_t *line,
                struct err *e)
{
    if (pg_run(s, "SAVEPOINT _pipe_rows", "write to", e))
        return -1;
    buf_reset(&s->sql);
    buf_addz(&s->sql, "COPY ");
    if (s->staged)
        buf_addz(&s->sql, "_pipe_stage");
    else
        buf_add_str(&s->sql, buf_str(&s->qualified));
    buf_addz(&s->sql, " (");
    add_text(s, r);
    buf_addz(&s->sql, ") FROM STDIN");
    *line = 0;
    int done = !s->staged && !memchr(r->fields, '1', r->n_fields)
                   ? send_empty(s, to - from, why, e)
                   : pg_copy(s, slice(r, from, to), why, line, e);
    if (done < 0)
        return -1;
    if (pg_run(s,
               done ? "RELEASE _pipe_rows"
                    : "ROLLBACK TO _pipe_rows; RELEASE _pipe_rows",
               "write to", e))
        return -1;
    return done;
}

/* Sends them, and finds those that the server refuses: it names the line,
 * which is then sent alone; where it does not, halves are. */
static int send_all(struct pg_sink *s, const struct pg_rows *r, size_t from,
                    size_t to, struct err *e)
{
    struct sink_refusal why;
    while (from < to) {
        uint64_t line;
        int done = send(s, r, from, to, &why, &line, e);
        if (done)
            return done < 0 ? -1 : 0;
        if (to - from == 1) {
            uint64_t number;
            memcpy(&number, r->numbers.p + from * sizeof(number),
                   sizeof(number));
            return pg_copy_refuse(s, number, &why, e);
        }
        size_t at = line && line <= to - from ? from + (size_t)line - 1
                                              : from + (to - from) / 2;
        /* What stands before the line was good: most likely it still is. */
        if (at > from && send_all(s, r, from, at, e))
            return -1;
        if (line) {
            if (send_all(s, r, at, at + 1, e))
                return -1;
            at++;
        }
        from = at;
        s->room = ROOM_LEAST; /* bad rows come together: send less at once */
    }
    return 0;
}

int pg_copy_flush(struct pg_sink *s, struct err *e)
{
    if (s->room < PG_ROOM)
        s->room *= 2;
    for (size_t i = 0; i < s->n_rows; i++) {
        if (s->rows[i].n && send_all(s, &s->rows[i], 0, s->rows[i].n, e))
            return -1;
        forget(&s->rows[i]);
    }
    s->pending = 0;
    return 0;
}

/* The rows with the fields in s->fields. */
static struct pg_rows *rows_of(struct pg_sink *s, struct err *e)
{
    struct str want = buf_str(&s->fields);
    struct pg_rows *r = NULL;
    s->clock++;
    for (size_t i = 0; i < s->n_rows; i++)
        if (str_eq((struct str){ s->rows[i].fields, s->rows[i].n_fields },
                   want)) {
            s->rows[i].used = s->clock;
            return &s->rows[i];
        }
    if (s->n_rows < PG_OPEN_SETS) {
        r = &s->rows[s->n_rows];
    } else {
        r = &s->rows[0];
        for (size_t i = 1; i < s->n_rows; i++)
            if (s->rows[i].used < r->used)
                r = &s->rows[i];
        if (r->n && send_all(s, r, 0, r->n, e))
            return NULL;
        s->pending -= r->text.n;
        forget(r);
    }
    char *copy = malloc(want.n ? want.n : 1);
    if (!copy) {
        err_nomem(e);
        return NULL;
    }
    memcpy(copy, want.p, want.n);
    free(r->fields);
    r->fields = copy;
    r->n_fields = want.n;
    r->used = s->clock;
    s->n_rows += r == &s->rows[s->n_rows];
    return r;
}

/* ---- one record ---- */

static int set_fields(struct pg_sink *s, bool keys_only, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    bool all = spec->mode == SINK_UPSERT && spec->missing_null;
    buf_reset(&s->fields);
    for (size_t i = 0; i < s->table.n; i++) {
        const struct column *c = &s->table.v[i];
        bool there = c->val.type != JSON_MISSING || c->audit || all;
        buf_addc(&s->fields,
                 !c->derived && !c->dropped && there && (!keys_only || c->key)
                     ? '1'
                     : '0');
    }
    return s->fields.failed ? err_nomem(e) : 0;
}

/* Adds the record that the columns hold, as an operation: 1, 0 with why, -1. */
static int add_row(struct pg_sink *s, char op, uint64_t number,
                   struct sink_refusal *why, struct err *e)
{
    if (set_fields(s, op == 'd', e))
        return -1;
    struct pg_rows *r = rows_of(s, e);
    if (!r)
        return -1;
    size_t from = r->text.n;
    /* Encoding may widen a column, which sends what waits. */
    buf_reset(&s->encoded);
    int done = pg_row_encode(s, r->fields, &s->encoded, why, e);
    if (done <= 0)
        return done;
    from = r->text.n;
    buf_add_str(&r->text, buf_str(&s->encoded));
    if (s->staged) {
        int set = pg_copy_set(s, buf_str(&s->fields), PG_SETS_MAX, e);
        if (set < 0)
            return -1;
        buf_addf(&r->text, "%s%llu\t%d\t%c", s->encoded.n ? "\t" : "",
                 (unsigned long long)number, set, op);
    }
    buf_addc(&r->text, '\n');
    buf_add(&r->starts, &from, sizeof(from));
    buf_add(&r->numbers, &number, sizeof(number));
    if (r->text.failed || r->starts.failed || r->numbers.failed)
        return err_nomem(e);
    r->n++;
    s->pending += r->text.n - from;
    return 1;
}

static int take_row(struct pg_sink *s, const struct sink_record *r,
                    uint64_t number, struct sink_refusal *why, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    int done = 1;
    if (!s->table.exists) {
        /* What cannot be a row must not shape the table. */
        done = table_has_keys(spec, r->text, why);
        if (done > 0 && pg_create(s, r->text, e))
            return -1;
    }
    if (done > 0)
        done = table_take(&s->table, spec, r->text, why, e);
    if (done > 0 && s->staged && !s->stage_made && pg_merge_stage(s, e))
        return -1;
    return done > 0 ? add_row(s, 'r', number, why, e) : done;
}

static int take_delete(struct pg_sink *s, struct str key, uint64_t number,
                       struct sink_refusal *why, struct err *e)
{
    if (!s->table.exists)
        return 1; /* there is nothing to delete */
    int done = table_take_keys(&s->table, s->base.spec, key, why, e);
    if (done > 0 && !s->stage_made && pg_merge_stage(s, e))
        return -1;
    return done > 0 ? add_row(s, 'd', number, why, e) : done;
}

/* All rows before are gone, those that wait too. */
static int take_truncate(struct pg_sink *s, struct err *e)
{
    for (size_t i = 0; i < s->n_rows; i++)
        forget(&s->rows[i]);
    s->pending = 0;
    s->truncated = true;
    return s->stage_made ? pg_run(s, "TRUNCATE _pipe_stage", "write to", e) : 0;
}

int pg_copy_take(struct pg_sink *s, const struct sink_record *r,
                 uint64_t number, struct sink_refusal *why, struct err *e)
{
    int done = 1;
    if (r->op == SINK_TRUNCATE)
        return take_truncate(s, e) ? -1 : 1;
    if (r->op == SINK_ROW)
        done = take_row(s, r, number, why, e);
    /* The old key's row goes only if the new one can come. */
    if (done > 0 && (r->op == SINK_DELETE || r->old_key.n))
        done = take_delete(s, r->op == SINK_DELETE ? r->text : r->old_key,
                           number, why, e);
    if (done > 0 && s->pending >= s->room)
        return pg_copy_flush(s, e) ? -1 : 1;
    return done;
}

/* ---- once more ---- */

int pg_copy_again(struct pg_sink *s, struct err *e)
{
    struct sink_refusal why;
    struct sink_record r;
    size_t n = s->refused.n / sizeof(uint64_t), k = 0;
    uint64_t *refused = (uint64_t *)(void *)s->refused.p;
    if (n)
        qsort(refused, n, sizeof(*refused), order_numbers);
    for (uint64_t i = 0; i < s->backlog.n; i++) {
        while (k < n && refused[k] < i)
            k++;
        if (k < n && refused[k] == i)
            continue;
        if (backlog_get(&s->backlog, i, &r, e))
            return -1;
        int done = pg_copy_take(s, &r, i, &why, e);
        /* The table may have changed meanwhile. */
        if (done < 0 || (done == 0 && pg_copy_refuse(s, i, &why, e)))
            return -1;
        refused = (uint64_t *)(void *)s->refused.p;
    }
    return 0;
}
