/* The view that the load keeps: of the latest rows, or of the table's current
 * version. Ours has a comment that ends with a mark; no others are touched.
 *
 * Readers of the view hold a lock on it until their transactions end, and who
 * waits for them makes all later readers wait behind himself. So the view is
 * changed right before the commit, and its lock waited for only a moment at a
 * time. */
#include "sink/pg.h"
#include "sink/view.h"

#include <stdlib.h>

#define MARK "kept by pipe-load"
/* How long one attempt waits, and readers with it; the next one waits longer,
 * up to the most, since queries may be longer and never all be done. */
#define MOMENT_MS 100
#define MOMENT_MOST_MS 1000

/* ---- its name ---- */

/* The schema that the table is in, or would be made in: owned. */
static char *find_schema(struct pg_sink *s, struct err *e)
{
    if (s->schema) {
        char *copy = strdup(s->schema);
        if (!copy)
            err_nomem(e);
        return copy;
    }
    buf_reset(&s->sql);
    buf_addz(&s->sql, "SELECT coalesce((SELECT nspname FROM pg_class AS c JOIN"
                      " pg_namespace AS n ON n.oid = relnamespace WHERE c.oid ="
                      " to_regclass(");
    pg_literal(&s->sql, buf_str(&s->qualified));
    buf_addz(&s->sql, ")), current_schema())");
    PGresult *r = pg_query(s, "find", e);
    if (!r)
        return NULL;
    char *schema = strdup(PQgetvalue(r, 0, 0));
    PQclear(r);
    if (!schema)
        err_nomem(e);
    return schema;
}

static int name_view(struct pg_sink *s, char *schema, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct pg_view *v = &s->view;
    const char *name = spec->latest_view;
    if (name && pg_name_take(name, &v->schema, &v->name, e))
        return -1;
    if (!v->name)
        v->name = strdup(s->name);
    if (!v->schema)
        v->schema = strdup(schema);
    if (!v->name || !v->schema)
        return err_nomem(e);
    if (name && strcmp(v->name, s->name) == 0 && strcmp(v->schema, schema) == 0)
        return err_set(e, ERR_USAGE, "view '%s' has the table's name", name);
    pg_name_add(&v->qualified, v->schema, v->name);
    return v->qualified.failed ? err_nomem(e) : 0;
}

int pg_view_open(struct pg_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    if (!spec->latest_view && spec->mode != SINK_VERSIONED)
        return 0;
    char *schema = find_schema(s, e);
    int r = schema ? name_view(s, schema, e) : -1;
    free(schema);
    return r || pg_view_look(s, e) < 0 ? -1 : 0;
}

void pg_view_free(struct pg_sink *s)
{
    free(s->view.schema);
    free(s->view.name);
    buf_free(&s->view.qualified);
    buf_free(&s->view.options);
    buf_free(&s->view.rights);
}

void pg_view_begin(struct pg_sink *s)
{
    s->view.dropped = false;
    buf_reset(&s->view.options);
    buf_reset(&s->view.rights);
}

/* ---- what is there ---- */

static const char *kind_name(char kind)
{
    switch (kind) {
    case 'v': return "view";
    case 'm': return "materialized view";
    case 'f': return "foreign table";
    case 'i':
    case 'I': return "index";
    case 'S': return "sequence";
    case 'c': return "type";
    default: return "table";
    }
}

/* As pg_view_look; the options of a view are added to out. */
static int look_at(struct pg_sink *s, struct buf *out, struct err *e)
{
    int found = 0;
    buf_reset(&s->sql);
    buf_addz(&s->sql,
             "SELECT relkind, coalesce(obj_description(oid, 'pg_class'), '')"
             " LIKE '%" MARK "', (SELECT string_agg(format('%I = %L',"
             " option_name, option_value), ', ') FROM"
             " pg_options_to_table(reloptions)) FROM pg_class WHERE oid ="
             " to_regclass(");
    pg_literal(&s->sql, buf_str(&s->view.qualified));
    buf_addc(&s->sql, ')');
    PGresult *r = pg_query(s, "look for the view of", e);
    if (!r)
        return -1;
    if (PQntuples(r)) {
        char kind = *PQgetvalue(r, 0, 0);
        found = kind == 'v' && *PQgetvalue(r, 0, 1) == 't'
                    ? 1
                    : view_taken(s->view.name, NULL, kind_name(kind), e);
        if (out)
            buf_addz(out, PQgetvalue(r, 0, 2));
    }
    PQclear(r);
    return found;
}

int pg_view_look(struct pg_sink *s, struct err *e)
{
    return look_at(s, NULL, e);
}

/* ---- what it selects ---- */

static void add_column(struct buf *b, size_t *n, struct str name)
{
    if (str_eq(name, STR(PG_ORDER)))
        return;
    buf_addz(b, (*n)++ ? ", " : "");
    pg_ident(b, name);
}

/* The columns of the view that is there come first and in its order: then it
 * can be replaced, and what depends on it stays. */
static int add_columns(struct pg_sink *s, struct buf *b, struct err *e)
{
    size_t n = 0;
    buf_reset(&s->sql);
    buf_addz(&s->sql, "SELECT attname FROM pg_attribute WHERE attnum > 0 AND"
                      " attrelid = to_regclass(");
    pg_literal(&s->sql, buf_str(&s->view.qualified));
    buf_addz(&s->sql, ") ORDER BY attnum");
    PGresult *r = pg_query(s, "look for the view of", e);
    if (!r)
        return -1;
    for (int i = 0; i < PQntuples(r); i++) {
        struct str name = str_of(PQgetvalue(r, i, 0));
        if (table_find(&s->table, name))
            add_column(b, &n, name);
    }
    for (size_t k = 0; k < s->table.n; k++) {
        const char *name = s->table.v[k].name;
        int i = 0;
        while (i < PQntuples(r) && strcmp(PQgetvalue(r, i, 0), name) != 0)
            i++;
        if (i == PQntuples(r))
            add_column(b, &n, str_of(name));
    }
    PQclear(r);
    return 0;
}

static void add_keys(struct pg_sink *s, struct buf *b)
{
    const struct sink_spec *spec = s->base.spec;
    for (size_t i = 0; i < spec->n_keys; i++) {
        buf_addz(b, i ? ", " : "");
        pg_ident(b, spec->keys[i]);
    }
}

static int add_query(struct pg_sink *s, struct buf *b, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    buf_addz(b, "SELECT ");
    if (spec->latest_view) {
        buf_addz(b, "DISTINCT ON (");
        add_keys(s, b);
        buf_addz(b, ") ");
    }
    if (add_columns(s, b, e))
        return -1;
    buf_addz(b, " FROM ");
    buf_add_str(b, buf_str(&s->qualified));
    if (spec->latest_view) {
        buf_addz(b, " ORDER BY ");
        add_keys(s, b);
        if (spec->latest_by.n) {
            buf_addz(b, ", ");
            pg_ident(b, spec->latest_by);
            buf_addz(b, " DESC NULLS LAST");
        }
        buf_addz(b, ", " PG_ORDER " DESC");
    }
    return b->failed ? err_nomem(e) : 0;
}

/* Does the view that is there select the same? The server compares the two as
 * it has understood them. 1, 0 or -1. */
static int is_same(struct pg_sink *s, const struct buf *query, struct err *e)
{
    buf_reset(&s->sql);
    buf_addz(&s->sql, "CREATE TEMP VIEW _pipe_view AS ");
    buf_add_str(&s->sql, buf_str(query));
    if (pg_run_sql(s, "make the view of", e))
        return -1;
    buf_reset(&s->sql);
    buf_addz(&s->sql, "SELECT pg_get_viewdef('pg_temp._pipe_view'::regclass) ="
                      " pg_get_viewdef(");
    pg_literal(&s->sql, buf_str(&s->view.qualified));
    buf_addz(&s->sql, "::regclass)");
    PGresult *r = pg_query(s, "look for the view of", e);
    if (!r)
        return -1;
    int same = *PQgetvalue(r, 0, 0) == 't';
    PQclear(r);
    return pg_run(s, "DROP VIEW pg_temp._pipe_view", "make the view of", e)
               ? -1
               : same;
}

/* ---- making it ---- */

static int create(struct pg_sink *s, const char *how, const struct buf *options,
                  const struct buf *query, struct err *e)
{
    buf_reset(&s->sql);
    buf_addz(&s->sql, how);
    buf_add_str(&s->sql, buf_str(&s->view.qualified));
    if (options->n) {
        buf_addz(&s->sql, " WITH (");
        buf_add_str(&s->sql, buf_str(options));
        buf_addc(&s->sql, ')');
    }
    buf_addz(&s->sql, " AS ");
    buf_add_str(&s->sql, buf_str(query));
    return pg_run_sql(s, "make the view of", e);
}

static int drop(struct pg_sink *s, struct buf *rights, struct err *e)
{
    struct str name = buf_str(&s->view.qualified);
    if (pg_rights_read(s, name, name, rights, e) < 0)
        return -1;
    buf_reset(&s->sql);
    buf_addz(&s->sql, "DROP VIEW ");
    buf_add_str(&s->sql, name);
    return pg_run_sql(s, "make anew the view of", e);
}

/* A view whose columns are no continuation of the old ones is another one, but
 * with the rights of the old one. */
static int replace(struct pg_sink *s, const struct buf *options,
                   const struct buf *query, struct err *e)
{
    struct buf rights = { 0 };
    struct err failed = { 0 };
    if (pg_run(s, "SAVEPOINT _pipe_replace", "make the view of", e))
        return -1;
    if (create(s, "CREATE OR REPLACE VIEW ", options, query, &failed) == 0)
        return pg_run(s, "RELEASE _pipe_replace", "make the view of", e);
    if (s->dead || strcmp(s->state, "42P16") != 0) {
        *e = failed;
        return -1;
    }
    int r = pg_run(s, "ROLLBACK TO _pipe_replace; RELEASE _pipe_replace",
                   "make the view of", e) ||
                    drop(s, &rights, e) ||
                    create(s, "CREATE VIEW ", options, query, e) ||
                    pg_rights_give(s, buf_str(&s->view.qualified), &rights, e)
                ? -1
                : 0;
    buf_free(&rights);
    return r;
}

static int create_first(struct pg_sink *s, const struct buf *query,
                        struct err *e)
{
    struct pg_view *v = &s->view;
    if (create(s, "CREATE VIEW ", &v->options, query, e))
        return -1;
    if (v->dropped)
        return pg_rights_give(s, buf_str(&v->qualified), &v->rights, e);
    buf_reset(&s->sql);
    buf_addz(&s->sql, "COMMENT ON VIEW ");
    buf_add_str(&s->sql, buf_str(&v->qualified));
    buf_addz(&s->sql, " IS '" MARK "'");
    return pg_run_sql(s, "make the view of", e);
}

static int renew(struct pg_sink *s, struct err *e)
{
    struct buf query = { 0 }, options = { 0 };
    int r = add_query(s, &query, e);
    int found = r ? -1 : look_at(s, &options, e);
    if (found == 0)
        r = create_first(s, &query, e);
    if (found > 0) {
        int same = s->base.spec->latest_view ? is_same(s, &query, e) : 0;
        r = same ? (same < 0 ? -1 : 0) : replace(s, &options, &query, e);
    }
    buf_free(&query);
    buf_free(&options);
    return found < 0 ? -1 : r;
}

int pg_view_make_way(struct pg_sink *s, struct err *e)
{
    struct pg_view *v = &s->view;
    if (!s->base.spec->latest_view || v->dropped)
        return 0;
    int found = look_at(s, &v->options, e);
    if (found <= 0)
        return found;
    v->dropped = true;
    return drop(s, &v->rights, e);
}

/* ---- the switch ---- */

static bool is_wanted(const struct pg_sink *s)
{
    return s->view.name && s->table.exists;
}

/* One attempt, within the savepoint _pipe_view: 1; 0 if somebody has the view
 * locked; -1. Old versions are not worth more than a moment. */
static int attempt(struct pg_sink *s, unsigned ms, struct err *e)
{
    bool versioned = s->base.spec->mode == SINK_VERSIONED;
    struct err failed = { 0 };
    if (pg_run(s, "SAVEPOINT _pipe_view", "make the view of", e) ||
        pg_lock_timeout(s, ms, e))
        return -1;
    if ((!versioned || pg_version_rights(s, &failed) == 0) &&
        renew(s, &failed) == 0 &&
        (!versioned || (pg_lock_timeout(s, MOMENT_MS, &failed) == 0 &&
                        pg_version_drop_old(s, &failed) == 0)))
        return 1;
    if (pg_is_locked(s))
        return 0;
    *e = failed;
    return -1;
}

static int undo(struct pg_sink *s, struct err *e)
{
    return pg_run(s, "ROLLBACK TO _pipe_view; RELEASE _pipe_view",
                  "make the view of", e);
}

int pg_view_rehearse(struct pg_sink *s, struct err *e)
{
    if (!is_wanted(s))
        return 0;
    if (s->base.spec->latest_view &&
        view_check_by(&s->table, s->base.spec, true, e))
        return -1;
    return attempt(s, MOMENT_MS, e) < 0 || undo(s, e) ? -1 : 0;
}

int pg_view_switch(struct pg_sink *s, struct err *e)
{
    uint64_t limit = s->base.spec->lock_timeout_ms;
    uint64_t until = pg_now_ms() + limit;
    if (!is_wanted(s))
        return 0;
    for (unsigned ms = MOMENT_MS;;
         ms = ms * 2 < MOMENT_MOST_MS ? ms * 2 : MOMENT_MOST_MS) {
        int done = attempt(s, ms, e);
        if (done > 0)
            return pg_run(s, "RELEASE _pipe_view", "make the view of", e) ||
                           pg_lock_timeout(s, limit, e)
                       ? -1
                       : 0;
        if (done < 0 || undo(s, e))
            return -1;
        if (pg_now_ms() >= until)
            return err_set(e, ERR_TEMPFAIL,
                           "cannot change view '%s': somebody reads it, for "
                           "longer than --lock-timeout",
                           s->view.name);
        if (pg_nap(s, ms, e))
            return -1;
    }
}
