#include "sink/pg.h"

#include <stdlib.h>

#define FEED                                                        \
    ((size_t)64 << 10) /* bytes of rows between looks at those sent \
                        */
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
    const uint64_t open[] = { s->group, s->backlog.n - 1 };
    const uint64_t *group =
        s->grouped && number >= s->group ? open : group_of(s, number);
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
    free_rows(&s->flight);
    s->n_rows = s->pending = s->fed = 0;
    s->last = NULL;
    s->unsent = STR("");
    for (size_t i = 0; i < s->n_sets; i++)
        free(s->sets[i]);
    free(s->sets);
    s->sets = NULL;
    s->n_sets = s->cap_sets = 0;
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

/* Else every staged row is a row, as its column has it by default. */
static bool has_ops(const struct pg_sink *s)
{
    return s->base.spec->mode == SINK_CDC || s->base.spec->mode == SINK_SCD2;
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
        buf_addf(&s->sql, "%s_pipe_seq%s%s%s", first ? "" : ", ",
                 r->set ? ", _pipe_set" : "", has_ops(s) ? ", _pipe_op" : "",
                 s->base.spec->mode == SINK_SCD2 ? PG_SCD2_STAGED : "");
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

static int begin_copy(struct pg_sink *s, const struct pg_rows *r, struct err *e)
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
    return pg_copy_begin(s, e);
}

/* Keeps the rows that were sent, or not: returns done, or -1. */
static int end_rows(struct pg_sink *s, int done, struct err *e)
{
    if (done < 0 || pg_run(s,
                           done ? "RELEASE _pipe_rows"
                                : "ROLLBACK TO _pipe_rows; RELEASE _pipe_rows",
                           "write to", e))
        return -1;
    return done;
}

static bool is_empty(const struct pg_sink *s, const struct pg_rows *r)
{
    return !s->staged && !memchr(r->fields, '1', r->n_fields);
}

/* Sends rows from <= i < to. 1, 0 with why and the line at fault, -1. */
static int send(struct pg_sink *s, const struct pg_rows *r, size_t from,
                size_t to, struct sink_refusal *why, uint64_t *line,
                struct err *e)
{
    int done;
    *line = 0;
    if (is_empty(s, r))
        done = pg_run(s, "SAVEPOINT _pipe_rows", "write to", e)
                   ? -1
                   : send_empty(s, to - from, why, e);
    else
        done = begin_copy(s, r, e)
                   ? -1
                   : pg_copy_end(s, slice(r, from, to), why, line, e);
    return end_rows(s, done, e);
}

static int send_all(struct pg_sink *s, const struct pg_rows *r, size_t from,
                    size_t to, struct err *e);

/* Of rows *from <= i < to, the server refuses some: it names the line, which is
 * then sent alone; where it does not, halves are. Moves *from to where one has
 * to go on. */
static int find_refused(struct pg_sink *s, const struct pg_rows *r,
                        size_t *from, size_t to, uint64_t line,
                        const struct sink_refusal *why, struct err *e)
{
    size_t first = *from, n = to - first;
    if (n == 1) {
        uint64_t number;
        memcpy(&number, r->numbers.p + first * sizeof(number), sizeof(number));
        *from = to;
        return pg_copy_refuse(s, number, why, e);
    }
    size_t at = line && line <= n ? first + (size_t)line - 1 : first + n / 2;
    /* What stands before the line was good: most likely it still is. */
    if (at > first && send_all(s, r, first, at, e))
        return -1;
    if (line && send_all(s, r, at, at + 1, e))
        return -1;
    *from = at + (line != 0);
    s->room = ROOM_LEAST; /* bad rows come together: send less at once */
    return 0;
}

static int send_all(struct pg_sink *s, const struct pg_rows *r, size_t from,
                    size_t to, struct err *e)
{
    struct sink_refusal why;
    uint64_t line;
    while (from < to) {
        int done = send(s, r, from, to, &why, &line, e);
        if (done)
            return done < 0 ? -1 : 0;
        if (find_refused(s, r, &from, to, line, &why, e))
            return -1;
    }
    return 0;
}

/* ---- on their way ---- */

/* Waits for the rows that are. */
static int land(struct pg_sink *s, struct err *e)
{
    struct pg_rows *r = &s->flight;
    struct sink_refusal why;
    struct str rest = s->unsent;
    uint64_t line = 0;
    size_t from = 0, n = r->n;
    if (n == 0)
        return 0;
    s->unsent = STR("");
    int done = end_rows(s, pg_copy_end(s, rest, &why, &line, e), e);
    if (done == 0)
        done = find_refused(s, r, &from, n, line, &why, e) ||
                       send_all(s, r, from, n, e)
                   ? -1
                   : 1;
    forget(r);
    return done < 0 ? -1 : 0;
}

/* Begins to send rows; they are in s->flight then. The server works on them
 * while the next ones are encoded. */
static int launch(struct pg_sink *s, struct pg_rows *r, struct err *e)
{
    struct pg_rows *f = &s->flight;
    if (begin_copy(s, r, e))
        return -1;
    char *fields = malloc(r->n_fields + 1);
    if (!fields)
        return err_nomem(e);
    memcpy(fields, r->fields, r->n_fields);
    struct pg_rows sent = *r;
    r->text = f->text;
    r->starts = f->starts;
    r->numbers = f->numbers;
    free(f->fields);
    *f = sent;
    f->fields = fields;
    s->unsent = buf_str(&f->text);
    s->fed = 0;
    return pg_copy_feed(s, &s->unsent, e);
}

/* Sends what waits, set by set, the last one so that it need not be waited
 * for. */
static int send_waiting(struct pg_sink *s, struct err *e)
{
    size_t last = s->n_rows;
    if (land(s, e))
        return -1;
    if (s->room < PG_ROOM)
        s->room *= 2;
    while (last && s->rows[last - 1].n == 0)
        last--;
    for (size_t i = 0; i < last; i++) {
        struct pg_rows *r = &s->rows[i];
        bool wait = i + 1 < last || is_empty(s, r);
        if (r->n && (wait ? send_all(s, r, 0, r->n, e) : launch(s, r, e)))
            return -1;
        forget(r);
    }
    s->pending = 0;
    return 0;
}

int pg_copy_flush(struct pg_sink *s, struct err *e)
{
    return send_waiting(s, e) || land(s, e) ? -1 : 0;
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
    if (land(s, e))
        return -1;
    buf_reset(&s->sql);
    buf_addf(&s->sql, "DELETE FROM _pipe_stage WHERE _pipe_seq >= %llu",
             (unsigned long long)from);
    return pg_run_sql(s, "write to", e);
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
        if (r->n && (land(s, e) || send_all(s, r, 0, r->n, e)))
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
    bool all = (spec->mode == SINK_UPSERT && spec->missing_null) ||
               spec->mode == SINK_SCD2;
    buf_reset(&s->fields);
    for (size_t i = 0; i < s->table.n; i++) {
        const struct column *c = &s->table.v[i];
        bool there = c->val.type != JSON_MISSING || c->audit || all;
        bool own = !c->derived && !c->dropped && there;
        buf_addc(&s->fields, (own && (!keys_only || c->key)) || i == s->order_at
                                 ? '1'
                                 : '0');
    }
    return s->fields.failed ? err_nomem(e) : 0;
}

/* The rows that the record at hand is one of: most often those of the last. */
static struct pg_rows *choose_rows(struct pg_sink *s, char op, struct err *e)
{
    if (s->last && s->pattern == s->table.pattern && s->op == op)
        return s->last;
    s->last = NULL; /* its place may be taken */
    if (set_fields(s, op == 'd', e))
        return NULL;
    struct pg_rows *r = rows_of(s, e);
    if (r && s->staged) {
        r->set = pg_copy_set(s, buf_str(&s->fields), PG_SETS_MAX, e);
        if (r->set < 0)
            return NULL;
    }
    s->last = r;
    s->pattern = s->table.pattern;
    s->op = op;
    return r;
}

/* The columns of the staging table that are not the target's. */
static void add_staged(struct pg_sink *s, const struct pg_rows *r, char op,
                       uint64_t number)
{
    if (s->encoded.n)
        buf_addc(&s->encoded, '\t');
    pg_row_number(&s->encoded, number);
    if (r->set) {
        buf_addc(&s->encoded, '\t');
        pg_row_number(&s->encoded, (uint64_t)r->set);
    }
    if (has_ops(s)) {
        buf_addc(&s->encoded, '\t');
        buf_addc(&s->encoded, op);
    }
    if (s->base.spec->mode == SINK_SCD2)
        pg_scd2_encode(s, &s->encoded);
}

/* Adds the record that the columns hold, as an operation: 1, 0 with why, -1. */
static int add_row(struct pg_sink *s, char op, uint64_t number,
                   struct sink_refusal *why, struct err *e)
{
    struct pg_rows *r = choose_rows(s, op, e);
    if (!r)
        return -1;
    if (s->order_at != PG_NO_ORDER) {
        if (!s->order && pg_order_ask(s, e))
            return -1;
        s->number = s->order + number;
    }
    /* Encoding may widen a column, which sends what waits. */
    buf_reset(&s->encoded);
    int done = pg_row_encode(s, r->fields, &s->encoded, why, e);
    if (done <= 0)
        return done;
    if (s->staged)
        add_staged(s, r, op, number);
    buf_addc(&s->encoded, '\n');
    size_t from = r->text.n;
    buf_add_str(&r->text, buf_str(&s->encoded));
    buf_add(&r->starts, &from, sizeof(from));
    buf_add(&r->numbers, &number, sizeof(number));
    if (s->encoded.failed || r->text.failed || r->starts.failed ||
        r->numbers.failed)
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
        done = table_take_record(&s->table, spec, r, why, e);
    if (done > 0 && spec->mode == SINK_SCD2)
        done = pg_scd2_note(s, r, why, e);
    if (done > 0 && s->staged && !s->stage_made && pg_merge_stage(s, e))
        return -1;
    return done > 0 ? add_row(s, 'r', number, why, e) : done;
}

static int take_delete(struct pg_sink *s, const struct sink_record *r,
                       uint64_t number, struct sink_refusal *why, struct err *e)
{
    struct sink_record gone = *r;
    struct str key = r->op == SINK_DELETE ? r->text : r->old_key;
    gone.op = SINK_DELETE;
    if (!s->table.exists)
        return 1; /* there is nothing to delete */
    int done = table_take_keys(&s->table, s->base.spec, key, why, e);
    if (done > 0 && s->base.spec->mode == SINK_SCD2)
        done = pg_scd2_note(s, &gone, why, e);
    if (done > 0 && !s->stage_made && pg_merge_stage(s, e))
        return -1;
    return done > 0 ? add_row(s, 'd', number, why, e) : done;
}

/* All rows before are gone, those that wait too. */
static int take_truncate(struct pg_sink *s, struct err *e)
{
    if (land(s, e))
        return -1;
    for (size_t i = 0; i < s->n_rows; i++)
        forget(&s->rows[i]);
    s->pending = 0;
    s->truncated = true;
    return s->stage_made ? pg_run(s, "TRUNCATE _pipe_stage", "write to", e) : 0;
}

/* Does the row that was added last tell of all columns? */
static bool is_whole(const struct pg_sink *s)
{
    for (size_t i = 0; s->last && i < s->last->n_fields; i++)
        if (s->last->fields[i] == '0' && !s->table.v[i].derived &&
            !s->table.v[i].dropped)
            return false;
    return true;
}

/* A row whose key changed, and what has the key that it had. */
static int take_moved(struct pg_sink *s, const struct sink_record *r,
                      uint64_t number, struct sink_refusal *why, struct err *e)
{
    char *fields = NULL;
    if (s->base.spec->mode == SINK_CDC && !is_whole(s)) {
        fields = strndup(s->last->fields, s->last->n_fields);
        if (!fields)
            return err_nomem(e);
    }
    /* The old key's row goes only if the new one can come. */
    int done = take_delete(s, r, number, why, e);
    if (done > 0 && fields)
        done = pg_move(s, number, fields, why, e);
    free(fields);
    return done;
}

int pg_copy_take(struct pg_sink *s, const struct sink_record *r,
                 uint64_t number, struct sink_refusal *why, struct err *e)
{
    int done = 1;
    if (r->op == SINK_TRUNCATE && s->base.spec->mode == SINK_SCD2)
        return pg_scd2_truncate(s, r, why, e);
    if (r->op == SINK_TRUNCATE)
        return take_truncate(s, e) ? -1 : 1;
    if (r->op == SINK_ROW)
        done = take_row(s, r, number, why, e);
    if (done > 0 && r->op == SINK_DELETE)
        done = take_delete(s, r, number, why, e);
    else if (done > 0 && r->old_key.n)
        done = take_moved(s, r, number, why, e);
    if (done > 0 && s->pending >= s->room)
        return send_waiting(s, e) ? -1 : 1;
    if (s->unsent.n && s->pending - s->fed >= FEED) {
        s->fed = s->pending;
        if (pg_copy_feed(s, &s->unsent, e))
            return -1;
    }
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
