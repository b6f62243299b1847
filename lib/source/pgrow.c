#include "source/pgrow.h"

#include "json/utf8.h"

#include <stdlib.h>

/* ---- columns ---- */

static void take_types(struct pgrow *r, const PGresult *rows)
{
    struct pgtype t;
    for (int k = 0; k < PQntuples(rows); k++) {
        unsigned oid = pgtype_answer(rows, k, &t);
        for (size_t i = 0; i < r->columns.n; i++)
            if (r->oids[i] == oid)
                r->types[i] = t;
    }
}

static int ask_types(struct pgrow *r, struct pgsession *s, struct str oids,
                     struct err *e)
{
    struct buf sql = { 0 };
    PGresult *rows = NULL;
    pgtype_ask(&sql, oids);
    const char *z = buf_z(&sql);
    int got = z ? pgsession_ask(s, z, &rows, e) : err_nomem(e);
    if (got == 0)
        take_types(r, rows);
    PQclear(rows);
    buf_free(&sql);
    return got;
}

int pgrow_describe(struct pgrow *r, struct pgsession *s,
                   const PGresult *description, struct err *e)
{
    size_t n = (size_t)PQnfields(description);
    struct buf unknown = { 0 };
    if (n == 0)
        return err_set(e, ERR_USAGE,
                       "query of PostgreSQL is not a statement that gives "
                       "rows");
    r->types = calloc(n, sizeof(*r->types));
    r->oids = calloc(n, sizeof(*r->oids));
    if (!r->types || !r->oids)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++) {
        r->oids[i] = PQftype(description, (int)i);
        if (query_column(&r->columns, PQfname(description, (int)i), e)) {
            buf_free(&unknown);
            return -1;
        }
        if (!pgtype_of(r->oids[i], &r->types[i]))
            buf_addf(&unknown, "%s%u", unknown.n ? "," : "", r->oids[i]);
    }
    int got = 0;
    if (unknown.n || unknown.failed)
        got = buf_z(&unknown) ? ask_types(r, s, buf_str(&unknown), e)
                              : err_nomem(e);
    buf_free(&unknown);
    return got;
}

void pgrow_free(struct pgrow *r)
{
    query_columns_free(&r->columns);
    free(r->types);
    free(r->oids);
    pgvalue_free(&r->value);
    buf_free(&r->cell);
    *r = (struct pgrow){ 0 };
}

/* ---- values ---- */

static const char *name_of(const struct pgrow *r, size_t column)
{
    const char *p = r->columns.names.p;
    while (column--)
        p += strlen(p) + 1;
    return p;
}

/* Adds a field: 1, 0 where it rejected the row, -1. text.p is NULL for NULL. */
static int add_field(struct pgrow *r, size_t i, struct str text,
                     struct query_rows *rows, size_t from, struct err *e)
{
    const char *why = "";
    buf_add_str(&rows->text, buf_str(&r->columns.labels[i]));
    if (!text.p) {
        buf_addz(&rows->text, "null");
        return 1;
    }
    const char *bad = pgvalue_add(&r->value, &rows->text, &r->types[i], text,
                                  r->max_depth - 1, &why);
    if (!bad)
        return 1;
    return query_reject(rows, from, bad, why, name_of(r, i), e);
}

static int end_row(struct pgrow *r, struct query_rows *rows, size_t from,
                   struct err *e)
{
    if (r->value.bytes.failed || r->value.element.failed)
        return query_reject(rows, from, "too_long", "row is too long", NULL, e);
    buf_addc(&rows->text, '}');
    return query_row(rows, from, r->max_record, e);
}

/* ---- COPY ---- */

/* The next cell of a line: its end is at *end; false behind the last. */
static struct str take_cell(struct str *line, bool *last)
{
    const char *tab = line->n ? memchr(line->p, '\t', line->n) : NULL;
    struct str cell = { line->p, tab ? (size_t)(tab - line->p) : line->n };
    *last = !tab;
    line->p += cell.n + !*last;
    line->n -= cell.n + !*last;
    return cell;
}

/* What the cell stands for: p is NULL for NULL. */
static struct str plain(struct pgrow *r, struct str cell)
{
    if (!cell.n || !memchr(cell.p, '\\', cell.n))
        return cell;
    if (cell.n == 2 && cell.p[1] == 'N')
        return (struct str){ NULL, 0 };
    buf_reset(&r->cell);
    pgvalue_unescape(&r->cell, cell);
    return buf_str(&r->cell);
}

/* Names the first column that is no text: of a database without an encoding. */
static int reject_bytes(struct pgrow *r, struct str line,
                        struct query_rows *rows, struct err *e)
{
    bool last = false;
    size_t i = 0;
    while (i + 1 < r->columns.n && utf8_valid(take_cell(&line, &last)))
        i++;
    return query_reject(rows, rows->text.n, "invalid_utf8", "text is not UTF-8",
                        name_of(r, i), e);
}

int pgrow_copy(struct pgrow *r, struct str line, struct query_rows *rows,
               struct err *e)
{
    size_t from = rows->text.n, i = 0;
    bool last = false, escapes = line.n && memchr(line.p, '\\', line.n);
    if (!utf8_valid(line))
        return reject_bytes(r, line, rows, e);
    for (; i < r->columns.n && !last; i++) {
        struct str cell = take_cell(&line, &last);
        int got =
            add_field(r, i, escapes ? plain(r, cell) : cell, rows, from, e);
        if (got <= 0)
            return got;
        if (r->cell.failed)
            return err_nomem(e);
    }
    if (i != r->columns.n || !last)
        return err_set(e, ERR_DATA,
                       "cannot read from PostgreSQL: a row of COPY has not "
                       "the columns of the query");
    return end_row(r, rows, from, e);
}

/* ---- results ---- */

int pgrow_result(struct pgrow *r, const PGresult *row, struct query_rows *rows,
                 struct err *e)
{
    size_t from = rows->text.n;
    for (size_t i = 0; i < r->columns.n; i++) {
        struct str text = { PQgetvalue(row, 0, (int)i),
                            (size_t)PQgetlength(row, 0, (int)i) };
        if (PQgetisnull(row, 0, (int)i))
            text.p = NULL;
        else if (!utf8_valid(text))
            return query_reject(rows, from, "invalid_utf8", "text is not UTF-8",
                                name_of(r, i), e);
        int got = add_field(r, i, text, rows, from, e);
        if (got <= 0)
            return got;
    }
    return end_row(r, rows, from, e);
}
