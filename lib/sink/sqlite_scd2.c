/* Slowly changing dimensions, type 2 (Kimball): a row a version.
 *
 * Records are set aside first, so that those of one key come in the order of
 * their times, however they arrived, and of those with one time only the last.
 * Times are written with six digits behind the second, in UTC: so they sort as
 * text. */
#include "sink/sqlite.h"

#include "base/date.h"
#include "base/hash.h"
#include "json/key.h"

#include <stdio.h>
#include <stdlib.h>

#define TIME_LEN 27 /* 2026-01-31T08:00:00.000000Z */

struct version {
    bool found, open;
    char from[TIME_LEN + 1], to[TIME_LEN + 1], hash[33];
};

/* ---- times ---- */

static bool write_time(int64_t us, char out[TIME_LEN + 1])
{
    struct buf b = { 0 };
    bool good = time_format(&b, us) == 0 && b.n >= 20 && b.n <= TIME_LEN;
    if (good) {
        memcpy(out, "0000-00-00T00:00:00.000000Z", TIME_LEN + 1);
        memcpy(out, b.p, b.n - 1); /* all but the Z */
    }
    buf_free(&b);
    return good;
}

static bool read_time(const struct sink_spec *spec, struct str text,
                      char out[TIME_LEN + 1])
{
    int64_t us;
    return time_parse(text, spec->tz, &us) && write_time(us, out);
}

static int no_time(struct sink_refusal *why, struct str column, struct str text)
{
    return sink_refusef(why, "effective_time", column,
                        "is %.*s, no time to be effective from",
                        text.n ? (int)(text.n > 60 ? 60 : text.n) : 7,
                        text.n ? text.p : "missing");
}

/* When the record at hand is effective. *clock: by the load's clock. */
static int effective(struct sqlite_sink *s, const struct sink_record *r,
                     char at[TIME_LEN + 1], bool *clock,
                     struct sink_refusal *why)
{
    const struct sink_spec *spec = s->base.spec;
    *clock = false;
    if (spec->effective.n && r->op == SINK_ROW) {
        const struct column *c = table_find(&s->table, spec->effective);
        struct str raw =
            c && c->val.type != JSON_MISSING ? c->val.raw : STR("");
        if (c && c->val.type == JSON_STRING &&
            read_time(spec, (struct str){ raw.p + 1, raw.n - 2 }, at))
            return 1;
        return no_time(why, spec->effective, raw);
    }
    *clock = r->at.n == 0;
    if (read_time(spec, *clock ? str_of(spec->now) : r->at, at))
        return 1;
    return no_time(why, STR(""), r->at);
}

static struct str meta(const struct sqlite_sink *s, enum sink_scd2_column c)
{
    return s->base.spec->scd2_names[c];
}

/* Does it make a version? */
static bool is_watched(const struct sqlite_sink *s, const struct column *c)
{
    const struct sink_spec *spec = s->base.spec;
    if (c->key || c->derived || c->audit ||
        sqlite3_strnicmp(c->name, spec->effective.p ? spec->effective.p : "",
                         (int)spec->effective.n + 1) == 0)
        return false;
    for (size_t i = 0; i < spec->n_tracked; i++)
        if (sqlite3_stricmp(spec->tracked[i].p, c->name) == 0)
            return true;
    return spec->n_tracked == 0;
}

/* ---- setting aside ---- */

static int make_stage(struct sqlite_sink *s, struct err *e)
{
    if (s->staged)
        return 0;
    buf_reset(&s->sql);
    buf_addz(&s->sql,
             "DROP TABLE IF EXISTS " SQLITE_STAGE "; CREATE TABLE " SQLITE_STAGE
             "(seq INTEGER PRIMARY KEY, ");
    if (sqlite_key_definitions(s, e))
        return -1;
    buf_addz(&s->sql, ", at TEXT, clock INTEGER, op INTEGER, text TEXT,"
                      " raw TEXT, line INTEGER, byte INTEGER)");
    if (sqlite_run_sql(s, "write to", e))
        return -1;
    s->staged = true;
    return 0;
}

static int bind_fields(struct sqlite_sink *s, sqlite3_stmt *stmt, int at,
                       bool keys, int *end, struct sink_refusal *why,
                       struct err *e)
{
    int r = 1;
    for (size_t i = 0; r > 0 && i < s->table.n; i++) {
        const struct column *c = &s->table.v[i];
        if (!sqlite_scd2_is_field(c) || (c->key && !keys))
            continue;
        if (c->audit)
            sqlite_bind_str(stmt, at++, sqlite_audit(s, c));
        else
            r = sqlite_bind(s, stmt, at++, c, c->val, why, e);
    }
    *end = at;
    return r;
}

/* Every version ends with it. */
static int truncate_table(struct sqlite_sink *s, const char *at, struct err *e)
{
    if (s->staged && sqlite_scd2_apply(s, e))
        return -1;
    buf_reset(&s->sql);
    buf_addz(&s->sql, "DELETE FROM ");
    sqlite_add_table(s);
    buf_addz(&s->sql, " WHERE ");
    sqlite_scd2_add(s, SINK_VALID_FROM, " = ");
    buf_addf(&s->sql, "'%s'; UPDATE ", at);
    sqlite_add_table(s);
    buf_addz(&s->sql, " SET ");
    sqlite_scd2_add(s, SINK_IS_CURRENT, " = 0, ");
    sqlite_scd2_add(s, SINK_VALID_TO, " = ");
    buf_addf(&s->sql, "'%s' WHERE ", at);
    sqlite_scd2_add(s, SINK_VALID_FROM, " < ");
    buf_addf(&s->sql, "'%s' AND ifnull(", at);
    sqlite_scd2_add(s, SINK_VALID_TO, "");
    buf_addf(&s->sql, ", '~') > '%s'", at);
    return sqlite_run_sql(s, "write to", e) ? -1 : 1;
}

static int stage(struct sqlite_sink *s, const struct sink_record *r,
                 const char *at, bool clock, struct sink_refusal *why,
                 struct err *e)
{
    sqlite3_stmt *stmt =
        make_stage(s, e) ? NULL : sqlite_scd2_stmt(s, SCD2_STAGE, e);
    if (!stmt)
        return -1;
    int done = sqlite_bind_keys(s, stmt, 1, why, e);
    if (done <= 0)
        return done;
    int n = (int)s->base.spec->n_keys;
    bool as_read = r->raw.p == r->text.p && r->raw.n == r->text.n;
    sqlite_bind_str(stmt, ++n, (struct str){ at, TIME_LEN });
    sqlite3_bind_int(stmt, ++n, clock);
    sqlite3_bind_int(stmt, ++n, (int)r->op);
    sqlite_bind_str(stmt, ++n, r->text);
    if (as_read)
        sqlite3_bind_null(stmt, ++n);
    else
        sqlite_bind_str(stmt, ++n, r->raw);
    sqlite3_bind_int64(stmt, ++n, (sqlite3_int64)r->line);
    sqlite3_bind_int64(stmt, ++n, (sqlite3_int64)r->offset);
    return sqlite_step(s, stmt, why, e);
}

/* A row whose key changed is two events. */
static int stage_old_key(struct sqlite_sink *s, const struct sink_record *r,
                         struct sink_refusal *why, struct err *e)
{
    struct sink_record gone = *r;
    gone.op = SINK_DELETE;
    gone.text = r->old_key;
    gone.old_key = STR("");
    return sqlite_scd2_write(s, &gone, why, e);
}

int sqlite_scd2_write(struct sqlite_sink *s, const struct sink_record *r,
                      struct sink_refusal *why, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    char at[TIME_LEN + 1];
    bool clock;
    int end, done = 1;
    if (!s->table.exists)
        return 1; /* nothing there to end */
    if (r->old_key.n)
        done = stage_old_key(s, r, why, e);
    /* Keys and fields are bound, and with them unescaped, twice. */
    if (done > 0 && sqlite_room(s, 2 * r->text.n, e))
        return -1;
    if (done > 0 && r->op != SINK_TRUNCATE)
        done = r->op == SINK_ROW
                   ? table_take(&s->table, spec, r->text, why, e)
                   : table_take_keys(&s->table, spec, r->text, why, e);
    if (done > 0)
        done = effective(s, r, at, &clock, why);
    if (done > 0 && r->op == SINK_TRUNCATE)
        return truncate_table(s, at, e);
    if (done > 0 && r->op == SINK_ROW) {
        /* What no column takes is refused now: it must not stand in for an
         * earlier record with its key and time. */
        sqlite3_stmt *stmt = sqlite_scd2_stmt(s, SCD2_INSERT, e);
        done = stmt ? bind_fields(s, stmt, 1, true, &end, why, e) : -1;
    }
    return done > 0 ? stage(s, r, at, clock, why, e) : done;
}

/* ---- versions ---- */

/* The sum over the fields, so that their order does not count, nor a field
 * without a value. */
static int hash_row(struct sqlite_sink *s, char hex[33], struct err *e)
{
    struct hash128 sum = { 0, 0 };
    for (size_t i = 0; i < s->table.n; i++) {
        const struct column *c = &s->table.v[i];
        if (c->val.type <= JSON_NULL || !is_watched(s, c))
            continue;
        buf_reset(&s->key);
        buf_add(&s->key, c->name, strlen(c->name) + 1);
        size_t start = s->key.n;
        int r = key_add(&s->key, c->val);
        if (r == -2) { /* beyond all computing: as it is written */
            s->key.n = start;
            r = buf_add_str(&s->key, c->val.raw);
        }
        if (r || s->key.failed)
            return err_nomem(e);
        struct hash128 h = hash128(buf_str(&s->key));
        sum.lo += h.lo;
        sum.hi += h.hi;
    }
    hash128_hex(sum, hex);
    return 0;
}

static int copy_time(struct sqlite_sink *s, sqlite3_stmt *stmt, int column,
                     char out[TIME_LEN + 1], struct err *e)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    if (text && sqlite3_column_bytes(stmt, column) == TIME_LEN) {
        memcpy(out, text, TIME_LEN + 1);
        return 0;
    }
    return err_set(e, ERR_CONFIG,
                   "table '%s' has the time '%.60s' in column '%s': mode scd2 "
                   "writes them as 2026-01-31T08:00:00.000000Z",
                   s->base.spec->table, text ? text : "NULL",
                   meta(s, column ? SINK_VALID_TO : SINK_VALID_FROM).p);
}

/* Finds a version of the key of the record at hand. */
static int find(struct sqlite_sink *s, enum scd2_stmt which, const char *at,
                struct version *v, struct err *e)
{
    struct sink_refusal why;
    sqlite3_stmt *stmt = sqlite_scd2_stmt(s, which, e);
    *v = (struct version){ 0 };
    if (!stmt)
        return -1;
    if (sqlite_bind_keys(s, stmt, 1, &why, e) <= 0)
        return err_set(e, ERR_BUG, "key cannot be bound again");
    if (which != SCD2_LAST)
        sqlite_bind_str(stmt, (int)s->base.spec->n_keys + 1,
                        (struct str){ at, TIME_LEN });
    int step = sqlite3_step(stmt), r = 0;
    if (step == SQLITE_ROW) {
        v->found = true;
        v->open = sqlite3_column_type(stmt, 1) == SQLITE_NULL;
        const char *hash = (const char *)sqlite3_column_text(stmt, 2);
        snprintf(v->hash, sizeof(v->hash), "%s", hash ? hash : "");
        r = copy_time(s, stmt, 0, v->from, e) ||
                    (!v->open && copy_time(s, stmt, 1, v->to, e))
                ? -1
                : 0;
    } else if (step != SQLITE_DONE) {
        r = sqlite_fail(s, e, "read");
    }
    sqlite3_reset(stmt);
    return r;
}

/* Runs END, START or DELETE on a version. */
static int change(struct sqlite_sink *s, enum scd2_stmt which,
                  const struct version *v, const char *to,
                  struct sink_refusal *why, struct err *e)
{
    int n = (int)s->base.spec->n_keys;
    sqlite3_stmt *stmt = sqlite_scd2_stmt(s, which, e);
    if (!stmt)
        return -1;
    int r = sqlite_bind_keys(s, stmt, 1, why, e);
    sqlite_bind_str(stmt, n + 1, (struct str){ v->from, TIME_LEN });
    if (to)
        sqlite_bind_str(stmt, n + 2, (struct str){ to, TIME_LEN });
    return r > 0 ? sqlite_step(s, stmt, why, e) : r;
}

static int update(struct sqlite_sink *s, const struct version *v,
                  const char *hash, struct sink_refusal *why, struct err *e)
{
    sqlite3_stmt *stmt = sqlite_scd2_stmt(s, SCD2_UPDATE, e);
    int end;
    if (!stmt)
        return -1;
    sqlite_bind_str(stmt, 1, (struct str){ hash, 32 });
    sqlite_bind_str(stmt, 2, (struct str){ v->from, TIME_LEN });
    int r = sqlite_bind_keys(s, stmt, 3, why, e);
    if (r > 0)
        r = bind_fields(s, stmt, 3 + (int)s->base.spec->n_keys, false, &end,
                        why, e);
    return r > 0 ? sqlite_step(s, stmt, why, e) : r;
}

/* A new version from `at` to `to` (NULL: open). */
static int insert(struct sqlite_sink *s, const char *at, const char *to,
                  const char *hash, struct sink_refusal *why, struct err *e)
{
    sqlite3_stmt *stmt = sqlite_scd2_stmt(s, SCD2_INSERT, e);
    int end;
    if (!stmt)
        return -1;
    int r = bind_fields(s, stmt, 1, true, &end, why, e);
    sqlite_bind_str(stmt, end, (struct str){ at, TIME_LEN });
    if (to)
        sqlite_bind_str(stmt, end + 1, (struct str){ to, TIME_LEN });
    else
        sqlite3_bind_null(stmt, end + 1);
    sqlite3_bind_int(stmt, end + 2, !to);
    sqlite_bind_str(stmt, end + 3, (struct str){ hash, 32 });
    return r > 0 ? sqlite_step(s, stmt, why, e) : r;
}

/* What is to be done with one record. */
struct event {
    const char *at;
    const char *hash;
    struct version was, next; /* valid then or the one before; behind it */
};

/* The version that was valid ends where the new one begins. */
static int split(struct sqlite_sink *s, void *context, struct sink_refusal *why,
                 struct err *e)
{
    const struct event *v = context;
    bool joins = v->next.found && strcmp(v->next.from, v->was.to) == 0 &&
                 strcmp(v->next.hash, v->hash) == 0;
    int r = change(s, SCD2_END, &v->was, v->at, why, e);
    if (r <= 0)
        return r;
    if (joins) /* it began earlier than was known */
        return change(s, SCD2_START, &v->next, v->at, why, e);
    return insert(s, v->at, v->was.open ? NULL : v->was.to, v->hash, why, e);
}

static int place(struct sqlite_sink *s, struct event *v, bool valid,
                 struct sink_refusal *why, struct err *e)
{
    bool same = valid && strcmp(v->was.hash, v->hash) == 0;
    bool begins = valid && strcmp(v->was.from, v->at) == 0;
    if (same && s->base.spec->n_tracked == 0)
        return 1;
    if (begins || (same && v->was.open))
        return update(s, &v->was, v->hash, why, e);
    if (same)
        return 1;
    if (!(valid && v->was.open) && find(s, SCD2_NEXT, v->at, &v->next, e))
        return -1;
    if (valid)
        return sqlite_atomically(s, split, v, why, e);
    if (v->next.found && strcmp(v->next.hash, v->hash) == 0)
        return change(s, SCD2_START, &v->next, v->at, why, e);
    return insert(s, v->at, v->next.found ? v->next.from : NULL, v->hash, why,
                  e);
}

/* By the load's clock a change is the newest, even if that clock went back. */
static int not_before_last(struct sqlite_sink *s, char at[TIME_LEN + 1],
                           struct err *e)
{
    struct version last;
    if (find(s, SCD2_LAST, NULL, &last, e))
        return -1;
    if (last.found && strcmp(at, last.from) < 0)
        memcpy(at, last.from, TIME_LEN + 1);
    if (last.found && !last.open && strcmp(at, last.to) < 0)
        memcpy(at, last.to, TIME_LEN + 1);
    return 0;
}

static int apply_record(struct sqlite_sink *s, const struct sink_record *r,
                        bool clock, struct sink_refusal *why, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    char at[TIME_LEN + 1], hash[33] = "";
    memcpy(at, r->at.p, TIME_LEN);
    at[TIME_LEN] = '\0';
    /* Keys are bound up to five times. */
    if (sqlite_room(s, 6 * r->text.n, e))
        return -1;
    int done = r->op == SINK_ROW
                   ? table_take(&s->table, spec, r->text, why, e)
                   : table_take_keys(&s->table, spec, r->text, why, e);
    if (done <= 0)
        return done;
    struct event v = { .at = at, .hash = hash };
    if ((clock && not_before_last(s, at, e)) || find(s, SCD2_AT, at, &v.was, e))
        return -1;
    bool valid = v.was.found && (v.was.open || strcmp(at, v.was.to) < 0);
    if (r->op == SINK_ROW)
        return hash_row(s, hash, e) ? -1 : place(s, &v, valid, why, e);
    if (!valid)
        return 1;
    bool begins = strcmp(v.was.from, at) == 0;
    return change(s, begins ? SCD2_DELETE : SCD2_END, &v.was,
                  begins ? NULL : at, why, e);
}

static struct str text_at(sqlite3_stmt *stmt, int column)
{
    const char *p = (const char *)sqlite3_column_text(stmt, column);
    return (struct str){ p ? p : "",
                         p ? (size_t)sqlite3_column_bytes(stmt, column) : 0 };
}

static int apply_row(struct sqlite_sink *s, sqlite3_stmt *rows, struct err *e)
{
    struct sink_refusal why;
    struct sink_record r = {
        .at = text_at(rows, 1),
        .op = (enum sink_op)sqlite3_column_int(rows, 3),
        .text = text_at(rows, 4),
        .line = (uint64_t)sqlite3_column_int64(rows, 6),
        .offset = (uint64_t)sqlite3_column_int64(rows, 7),
    };
    r.raw =
        sqlite3_column_type(rows, 5) == SQLITE_NULL ? r.text : text_at(rows, 5);
    if (r.at.n != TIME_LEN)
        return err_nomem(e);
    int done = apply_record(s, &r, sqlite3_column_int(rows, 2), &why, e);
    if (done == 0)
        done = s->base.spec->refuse(s->base.spec->context, &r, &why, e);
    return done < 0 ? -1 : 0;
}

int sqlite_scd2_apply(struct sqlite_sink *s, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    buf_reset(&s->sql);
    /* The other columns are of the row with the greatest seq: SQLite promises
     * that of max(). */
    buf_addz(&s->sql, "SELECT max(seq), at, clock, op, text, raw, line, byte"
                      " FROM " SQLITE_STAGE " GROUP BY ");
    for (size_t i = 0; i < spec->n_keys; i++)
        buf_addf(&s->sql, "k%zu, ", i);
    buf_addz(&s->sql, "at ORDER BY ");
    for (size_t i = 0; i < spec->n_keys; i++)
        buf_addf(&s->sql, "k%zu, ", i);
    buf_addz(&s->sql, "at");
    sqlite3_stmt *rows = sqlite_prepare(s, "read", e);
    int step = SQLITE_DONE, r = rows ? 0 : -1;
    while (r == 0 && (step = sqlite3_step(rows)) == SQLITE_ROW) {
        if (spec->stop && spec->stop())
            r = err_set(e, ERR_TEMPFAIL, "interrupted");
        else
            r = apply_row(s, rows, e);
    }
    if (r == 0 && step != SQLITE_DONE)
        r = sqlite_fail(s, e, "read");
    sqlite3_finalize(rows);
    return r || sqlite_run(s, "DELETE FROM " SQLITE_STAGE, "write to", e) ? -1
                                                                          : 0;
}

int sqlite_scd2_check(struct sqlite_sink *s, struct err *e)
{
    for (int i = 0; i < SINK_SCD2_COLUMNS; i++) {
        struct str name = meta(s, (enum sink_scd2_column)i);
        const struct column *c = table_find(&s->table, name);
        unsigned wants =
            i == SINK_IS_CURRENT ? 1u << JSON_TRUE : 1u << JSON_STRING;
        if (!c)
            return err_set(e, ERR_CONFIG,
                           "table '%s' has no column '%.*s': mode scd2 keeps "
                           "versions in a table of its own",
                           s->base.spec->table, STR_ARG(name));
        if (!(sqlite_column_takes(c) & wants))
            return err_set(e, ERR_CONFIG,
                           "column '%s' of table '%s' is %s, mode scd2 wants "
                           "%s",
                           c->name, s->base.spec->table, c->type,
                           i == SINK_IS_CURRENT ? "BOOLEAN" : "TEXT");
    }
    return 0;
}
