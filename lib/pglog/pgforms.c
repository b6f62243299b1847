#include "pglog/pgforms.h"

#include "io/pglink.h"
#include "pglog/pgask.h"

#include <inttypes.h>
#include <stdlib.h>

static const struct pgform *find(const struct pgforms *f, uint32_t oid)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->v[i].oid == oid)
            return &f->v[i];
    return NULL;
}

bool pgforms_fill(const struct pgforms *f, struct relation *r)
{
    bool all = true;
    for (size_t i = 0; i < r->n; i++) {
        struct relation_column *c = &r->columns[i];
        const struct pgform *form = c->known ? NULL : find(f, c->type);
        if (form) {
            c->form = form->type;
            c->known = true;
        }
        all = all && c->known;
    }
    return all;
}

static int put(struct pgforms *f, uint32_t oid, struct pgtype type,
               struct err *e)
{
    if (f->n == PGFORMS_MAX)
        return err_set(e, ERR_DATA, "change stream tells of more than %d types",
                       PGFORMS_MAX);
    if (f->n == f->cap) {
        size_t cap = f->cap ? 2 * f->cap : 16;
        struct pgform *v = realloc(f->v, cap * sizeof(*v));
        if (!v)
            return err_nomem(e);
        f->v = v;
        f->cap = cap;
    }
    f->v[f->n++] = (struct pgform){ oid, type };
    return 0;
}

static int ask(const struct relation *r, PGconn *db, bool (*stop)(void),
               PGresult **rows, struct err *e)
{
    struct buf oids = { 0 }, sql = { 0 };
    for (size_t i = 0; i < r->n; i++)
        if (!r->columns[i].known)
            buf_addf(&oids, "%s%" PRIu32, oids.n ? "," : "",
                     r->columns[i].type);
    pgtype_ask(&sql, buf_str(&oids));
    int bad = oids.failed ? err_nomem(e) : pgask_buf(db, &sql, stop, rows, e);
    buf_free(&oids);
    buf_free(&sql);
    return bad;
}

int pgforms_resolve(struct pgforms *f, struct relation *r, PGconn *db,
                    bool (*stop)(void), struct err *e)
{
    PGresult *rows = NULL;
    if (pgforms_fill(f, r))
        return 0;
    int bad = ask(r, db, stop, &rows, e);
    for (int i = 0; !bad && i < PQntuples(rows); i++) {
        struct pgtype t;
        uint32_t oid = pgtype_answer(rows, i, &t);
        bad = find(f, oid) ? 0 : put(f, oid, t, e);
    }
    PQclear(rows);
    /* Whom the server does not know is not asked for again. */
    for (size_t i = 0; !bad && i < r->n; i++) {
        const struct relation_column *c = &r->columns[i];
        if (!c->known && !find(f, c->type))
            bad = put(f, c->type, c->form, e);
    }
    (void)pgforms_fill(f, r);
    return bad;
}

int pgforms_complete(struct pgforms *f, struct relation *r, const char *uri,
                     const char *app, bool (*stop)(void), struct err *e)
{
    PGconn *db = NULL;
    if (pgforms_fill(f, r))
        return 0;
    int bad = pglink_open(&db, uri, app, stop, e) ||
                      pgforms_resolve(f, r, db, stop, e)
                  ? -1
                  : 0;
    PQfinish(db);
    return bad;
}

void pgforms_free(struct pgforms *f)
{
    free(f->v);
    *f = (struct pgforms){ 0 };
}
