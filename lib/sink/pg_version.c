/* Versions of a table: TABLE__N, a new one a load. Nobody sees it before the
 * view TABLE shows it, so rows are copied right into it. */
#include "sink/pg.h"
#include "sink/view.h"

#include <inttypes.h>

/* ---- what there is ---- */

/* The versions that the ledger knows, the latest first, without the one that
 * is being made. */
static int read_known(struct pg_sink *s, struct buf *out, struct err *e)
{
    char own[VIEW_WATERMARK];
    view_watermark(s->version, own);
    buf_reset(&s->sql);
    buf_addz(&s->sql, "SELECT watermark FROM ");
    buf_add_str(&s->sql, buf_str(&s->ledger));
    buf_addz(&s->sql, " WHERE table_name = ");
    pg_literal(&s->sql, str_of(s->name));
    buf_addz(&s->sql,
             " AND mode = 'versioned' AND watermark IS DISTINCT FROM ");
    pg_literal(&s->sql, str_of(own));
    buf_addz(&s->sql, " ORDER BY id DESC");
    PGresult *r = pg_query(s, "read the ledger of", e);
    int done = r ? 0 : -1;
    for (int i = 0; done == 0 && i < PQntuples(r); i++)
        done = view_add_version(out, PQgetvalue(r, i, 0), e);
    PQclear(r);
    return done;
}

/* The versions that something has the name of, ours or not. */
static int read_named(struct pg_sink *s, struct buf *out, struct err *e)
{
    buf_reset(&s->sql);
    buf_addz(&s->sql, "SELECT relname FROM pg_class AS c JOIN pg_namespace AS n"
                      " ON n.oid = relnamespace WHERE nspname = ");
    pg_literal(&s->sql, str_of(s->view.schema));
    buf_addz(&s->sql, " AND starts_with(relname, ");
    pg_literal(&s->sql, str_of(s->name));
    buf_addz(&s->sql, " || '__')");
    PGresult *r = pg_query(s, "look for versions of", e);
    for (int i = 0; r && i < PQntuples(r); i++) {
        uint64_t v = view_version_of(PQgetvalue(r, i, 0), s->name, false);
        if (v)
            buf_add(out, &v, sizeof(v));
    }
    PQclear(r);
    return !r ? -1 : out->failed ? err_nomem(e) : 0;
}

/* ---- the new one ---- */

/* Appends the quoted name of a version. */
static int add_name(struct pg_sink *s, struct buf *out, uint64_t version,
                    struct err *e)
{
    struct buf name = { .max = 4096 };
    view_version_name(&name, s->name, version);
    size_t n = name.n;
    const char *z = buf_z(&name);
    if (z)
        pg_name_add(out, s->view.schema, z);
    buf_free(&name);
    if (!z || out->failed)
        return err_nomem(e);
    return n <= PG_NAME_MAX
               ? 0
               : err_set(e, ERR_USAGE,
                         "table name '%s__%" PRIu64 "' is longer than "
                         "PostgreSQL's 63 bytes",
                         s->name, version);
}

/* Makes a table with the columns of version `from`, its defaults, indexes and
 * constraints. */
static int copy_columns(struct pg_sink *s, uint64_t from, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct buf old = { 0 };
    if (add_name(s, &old, from, e)) {
        buf_free(&old);
        return -1;
    }
    buf_reset(&s->sql);
    buf_addz(&s->sql, "SELECT to_regclass(");
    pg_literal(&s->sql, buf_str(&old));
    buf_addz(&s->sql, ") IS NOT NULL");
    PGresult *r = pg_query(s, "look for versions of", e);
    bool there = r && *PQgetvalue(r, 0, 0) == 't';
    buf_reset(&s->sql);
    buf_addz(&s->sql, "CREATE TABLE ");
    buf_add_str(&s->sql, buf_str(&s->qualified));
    buf_addz(&s->sql, " (LIKE ");
    buf_add_str(&s->sql, buf_str(&old));
    buf_addz(&s->sql, " INCLUDING ALL)");
    buf_free(&old);
    PQclear(r);
    if (!r)
        return -1;
    if (!there)
        return err_set(e, ERR_CONFIG,
                       "version %" PRIu64 " of table '%s' is gone (--create "
                       "makes a new one)",
                       from, spec->table);
    return pg_run_sql(s, "create", e) || pg_table_read(s, e) ? -1 : 0;
}

/* Chooses the number behind the last one. */
static int choose(struct pg_sink *s, struct err *e)
{
    struct buf known = { 0 }, named = { 0 };
    s->version = 0;
    int r = read_known(s, &known, e) || read_named(s, &named, e) ? -1 : 0;
    if (r == 0) {
        s->last_version = known.n ? view_version(&known, 0) : 0;
        s->version = s->last_version;
        for (size_t i = 0; i < view_versions(&named); i++)
            if (view_version(&named, i) > s->version)
                s->version = view_version(&named, i);
        s->version++;
        buf_reset(&s->qualified);
        r = add_name(s, &s->qualified, s->version, e);
    }
    buf_free(&known);
    buf_free(&named);
    return r;
}

int pg_version_begin(struct pg_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    if (pg_view_look(s, e) < 0)
        return -1;
    if (!s->begun) /* only a look, before the records */
        return 0;
    table_clear(&s->table);
    s->table.exists = false;
    if (choose(s, e))
        return -1;
    if (spec->n_columns)
        return pg_create(s, STR("{}"), e);
    if (spec->create)
        return 0;
    if (!s->last_version)
        return err_set(e, ERR_CONFIG,
                       "table '%s' has no version yet (--create makes one)",
                       spec->table);
    return copy_columns(s, s->last_version, e);
}

int pg_version_end(struct pg_sink *s, struct err *e)
{
    /* No record has shown the columns. */
    if (!s->table.exists && s->last_version &&
        copy_columns(s, s->last_version, e))
        return -1;
    if (!s->table.exists) {
        s->version = 0;
        return 0;
    }
    /* Readers come all at once: they should not plan without statistics. */
    buf_reset(&s->sql);
    buf_addz(&s->sql, "ANALYZE ");
    buf_add_str(&s->sql, buf_str(&s->qualified));
    return pg_run_sql(s, "analyze", e);
}

int pg_version_rights(struct pg_sink *s, struct err *e)
{
    struct buf old = { 0 }, rights = { 0 };
    struct str to = buf_str(&s->qualified);
    int r = 0;
    if (s->last_version) {
        r = add_name(s, &old, s->last_version, e)
                ? -1
                : pg_rights_read(s, buf_str(&old), to, &rights, e);
        if (r > 0)
            r = pg_rights_give(s, to, &rights, e);
    }
    buf_free(&old);
    buf_free(&rights);
    return r;
}

/* ---- old ones ---- */

/* A version that is in use is not waited for, since readers of the view wait
 * for us: the next load drops it. */
static int drop(struct pg_sink *s, uint64_t version, struct err *e)
{
    struct err failed = { 0 };
    buf_reset(&s->sql);
    buf_addz(&s->sql, "SAVEPOINT _pipe_old; DROP TABLE ");
    if (add_name(s, &s->sql, version, e))
        return -1;
    buf_addz(&s->sql, "; RELEASE _pipe_old");
    if (pg_run_sql(s, "drop an old version of", &failed) == 0)
        return 0;
    if (!pg_is_locked(s)) {
        *e = failed;
        return -1;
    }
    return pg_run(s, "ROLLBACK TO _pipe_old; RELEASE _pipe_old",
                  "drop an old version of", e);
}

int pg_version_drop_old(struct pg_sink *s, struct err *e)
{
    uint64_t keep = s->base.spec->keep_versions;
    struct buf known = { 0 }, named = { 0 };
    if (!keep)
        return 0;
    int r = read_known(s, &known, e) || read_named(s, &named, e) ? -1 : 0;
    for (size_t i = keep - 1; r == 0 && i < view_versions(&known); i++)
        if (view_has_version(&named, view_version(&known, i)))
            r = drop(s, view_version(&known, i), e);
    buf_free(&known);
    buf_free(&named);
    return r;
}
