#include "pglog/pgoutput.h"

#include <stdlib.h>

/* From 1970-01-01 to 2000-01-01, where PostgreSQL's time begins. */
#define EPOCH_US INT64_C(946684800000000)

struct pgoutput {
    struct relations relations;
    struct pgoutput_value *values; /* both rows of an update */
    size_t cap;
    const struct relation **truncated;
    size_t truncated_cap;
    bool open; /* between BEGIN and COMMIT */
};

/* What is left of a message; `bad` once it had too few bytes. */
struct reader {
    struct str left;
    bool bad;
};

struct pgoutput *pgoutput_new(void)
{
    return calloc(1, sizeof(struct pgoutput));
}

void pgoutput_free(struct pgoutput *d)
{
    if (!d)
        return;
    relations_free(&d->relations);
    free(d->values);
    free(d->truncated);
    free(d);
}

/* ---- bytes ---- */

static uint64_t take(struct reader *r, size_t n)
{
    uint64_t v = 0;
    if (r->left.n < n) {
        r->bad = true;
        r->left.n = 0;
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        v = v << 8 | (unsigned char)r->left.p[i];
    r->left.p += n;
    r->left.n -= n;
    return v;
}

static char take_char(struct reader *r)
{
    return (char)take(r, 1);
}

static int64_t take_time(struct reader *r)
{
    int64_t t = (int64_t)take(r, 8);
    return t > INT64_MAX - EPOCH_US ? INT64_MAX : t + EPOCH_US;
}

static struct str take_bytes(struct reader *r, uint64_t n)
{
    struct str s = { r->left.p, (size_t)n };
    if (n > r->left.n) {
        r->bad = true;
        r->left.n = 0;
        return STR("");
    }
    r->left.p += n;
    r->left.n -= (size_t)n;
    return s;
}

static struct str take_name(struct reader *r)
{
    const char *end = r->left.n ? memchr(r->left.p, '\0', r->left.n) : NULL;
    struct str s =
        take_bytes(r, end ? (uint64_t)(end - r->left.p) : UINT64_MAX);
    (void)take(r, 1);
    return s;
}

static int refuse(struct err *e, const char *what)
{
    return err_set(e, ERR_DATA, "change stream is broken: %s", what);
}

/* ---- tables and rows ---- */

static int read_relation(struct pgoutput *d, struct reader *r,
                         struct pgoutput_message *m, struct err *e)
{
    uint32_t oid = (uint32_t)take(r, 4);
    struct str schema = take_name(r), name = take_name(r);
    char identity = take_char(r);
    size_t n = (size_t)take(r, 2);
    /* The server leaves the schema of its own catalog empty. */
    if (schema.n == 0)
        schema = STR("pg_catalog");
    if (r->bad || n > RELATION_COLUMNS_MAX)
        return refuse(e, "a table without its columns");
    struct relation *rel = relation_new(oid, identity, schema, name, n);
    if (!rel)
        return err_nomem(e);
    for (size_t i = 0; i < n && !r->bad; i++) {
        rel->columns[i].key = take(r, 1) & 1;
        struct str column = take_name(r);
        relation_type_column(rel, i, (uint32_t)take(r, 4));
        (void)take(r, 4); /* length or precision */
        if (relation_name_column(rel, i, column, STR(""))) {
            relation_free(rel);
            return err_nomem(e);
        }
    }
    if (r->bad) {
        relation_free(rel);
        return refuse(e, "a table without its columns");
    }
    m->described = rel;
    return relations_put(&d->relations, rel, e);
}

static int find_relation(struct pgoutput *d, struct reader *r,
                         const struct relation **rel, struct err *e)
{
    *rel = relations_find(&d->relations, (uint32_t)take(r, 4));
    return *rel ? 0 : refuse(e, "a change of a table that was not described");
}

/* Room for two rows, even of no columns. */
static int make_room(struct pgoutput *d, size_t n, struct err *e)
{
    if (2 * n < d->cap)
        return 0;
    struct pgoutput_value *v = realloc(d->values, (2 * n + 1) * sizeof(*v));
    if (!v)
        return err_nomem(e);
    d->values = v;
    d->cap = 2 * n + 1;
    return 0;
}

static struct pgoutput_value take_value(struct reader *r)
{
    struct pgoutput_value v = { PGOUTPUT_NULL, STR("") };
    switch (take_char(r)) {
    case 'n': break;
    case 'u': v.kind = PGOUTPUT_UNCHANGED; break;
    case 't':
        v.kind = PGOUTPUT_TEXT;
        v.text = take_bytes(r, take(r, 4));
        break;
    default: r->bad = true; /* 'b', binary, was not asked for */
    }
    return v;
}

static int read_row(struct reader *r, const struct relation *rel,
                    struct pgoutput_value *to, struct pgoutput_row *row,
                    struct err *e)
{
    size_t n = (size_t)take(r, 2);
    if (r->bad || n != rel->n)
        return refuse(e, "a row with other columns than its table");
    for (size_t i = 0; i < n && !r->bad; i++)
        to[i] = take_value(r);
    if (r->bad)
        return refuse(e, "a row that is cut");
    row->v = to;
    row->n = n;
    return 0;
}

static int read_change(struct pgoutput *d, struct reader *r,
                       struct pgoutput_message *m, struct err *e)
{
    if (!d->open)
        return refuse(e, "a change outside of a transaction");
    if (find_relation(d, r, &m->relation, e) || make_room(d, m->relation->n, e))
        return -1;
    char part = take_char(r);
    if ((part == 'K' || part == 'O') && m->kind != PGOUTPUT_INSERT) {
        m->before.key_only = part == 'K';
        if (read_row(r, m->relation, d->values, &m->before, e))
            return -1;
        if (m->kind == PGOUTPUT_DELETE)
            return 0;
        part = take_char(r);
    }
    if (part != 'N' || m->kind == PGOUTPUT_DELETE)
        return refuse(e, "a change without its row");
    return read_row(r, m->relation, d->values + m->relation->n, &m->after, e);
}

static int read_truncate(struct pgoutput *d, struct reader *r,
                         struct pgoutput_message *m, struct err *e)
{
    size_t n = (size_t)take(r, 4);
    (void)take(r, 1); /* CASCADE, RESTART IDENTITY */
    if (!d->open || n > r->left.n / 4)
        return refuse(e, "a truncation out of its place");
    if (n > d->truncated_cap) {
        const struct relation **v =
            realloc(d->truncated, n * sizeof(const struct relation *));
        if (!v)
            return err_nomem(e);
        d->truncated = v;
        d->truncated_cap = n;
    }
    for (size_t i = 0; i < n; i++)
        if (find_relation(d, r, &d->truncated[i], e))
            return -1;
    m->truncated = d->truncated;
    m->n_truncated = n;
    return 0;
}

/* ---- messages ---- */

static int read_begin(struct pgoutput *d, struct reader *r,
                      struct pgoutput_message *m, struct err *e)
{
    m->lsn = take(r, 8);
    m->at_us = take_time(r);
    m->xid = (uint32_t)take(r, 4);
    if (d->open)
        return refuse(e, "a transaction within another");
    d->open = true;
    return 0;
}

static int read_commit(struct pgoutput *d, struct reader *r,
                       struct pgoutput_message *m, struct err *e)
{
    (void)take(r, 1); /* flags, unused */
    m->lsn = take(r, 8);
    m->end_lsn = take(r, 8);
    m->at_us = take_time(r);
    if (!d->open)
        return refuse(e, "a commit outside of a transaction");
    d->open = false;
    return 0;
}

/* Skips what is no change, which must have its parts all the same. */
static void skip_notice(struct reader *r, char type)
{
    if (type == 'Y') { /* a type: its number and names */
        (void)take(r, 4);
        (void)take_name(r);
        (void)take_name(r);
    } else if (type == 'O') { /* where the transaction came from */
        (void)take(r, 8);
        (void)take_name(r);
    } else { /* 'M', written by pg_logical_emit_message */
        (void)take(r, 9);
        (void)take_name(r);
        (void)take_bytes(r, take(r, 4));
    }
}

int pgoutput_read(struct pgoutput *d, struct str message,
                  struct pgoutput_message *m, struct err *e)
{
    struct reader r = { message, false };
    char type = take_char(&r);
    int done = 0;
    *m = (struct pgoutput_message){ .kind = PGOUTPUT_NOTICE };
    switch (type) {
    case 'B':
        m->kind = PGOUTPUT_BEGIN;
        done = read_begin(d, &r, m, e);
        break;
    case 'C':
        m->kind = PGOUTPUT_COMMIT;
        done = read_commit(d, &r, m, e);
        break;
    case 'I':
        m->kind = PGOUTPUT_INSERT;
        done = read_change(d, &r, m, e);
        break;
    case 'U':
        m->kind = PGOUTPUT_UPDATE;
        done = read_change(d, &r, m, e);
        break;
    case 'D':
        m->kind = PGOUTPUT_DELETE;
        done = read_change(d, &r, m, e);
        break;
    case 'T':
        m->kind = PGOUTPUT_TRUNCATE;
        done = read_truncate(d, &r, m, e);
        break;
    case 'R': done = read_relation(d, &r, m, e); break;
    case 'Y':
    case 'O':
    case 'M': skip_notice(&r, type); break;
    default: return refuse(e, "a message of a kind that is not known");
    }
    if (done == 0 && r.bad)
        return refuse(e, "a message that is cut");
    if (done == 0 && r.left.n)
        return refuse(e, "bytes behind a message");
    return done;
}
