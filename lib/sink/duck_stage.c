#include "sink/duck_stage.h"

#include <stdio.h>
#include <stdlib.h>

#define COLUMNS_MAX 10000
#define CHUNK_BYTES ((size_t)4 << 20) /* of texts, before a chunk is sent */
#define OWN 2                         /* columns before those of the target */

/* ---- columns ---- */

static struct duck_column *append(struct duck_stage *s, struct str name,
                                  const char *type, struct err *e)
{
    if (s->table.n == s->more_cap) {
        size_t cap = s->more_cap ? s->more_cap * 2 : 16;
        struct duck_column *grown = realloc(s->more, cap * sizeof(*grown));
        if (!grown) {
            err_nomem(e);
            return NULL;
        }
        s->more = grown;
        s->more_cap = cap;
    }
    if (!table_append(&s->table, s->spec, name, type, e))
        return NULL;
    struct duck_column *m = &s->more[s->table.n - 1];
    *m = (struct duck_column){ 0 };
    s->table.exists = true;
    return m;
}

struct duck_column *duck_stage_column(struct duck_stage *s, struct str name,
                                      const char *type, struct err *e)
{
    struct duck_column *m = append(s, name, type, e);
    if (m)
        duck_value_kind(&s->table.v[s->table.n - 1], m);
    return m;
}

struct duck_column *duck_stage_numbers(struct duck_stage *s, struct str name,
                                       struct err *e)
{
    struct duck_column *m = append(s, name, "number", e);
    if (m) {
        s->table.v[s->table.n - 1].kind = COLUMN_NUMERIC;
        m->staged = STAGED_TEXT;
        m->is_new = true;
    }
    return m;
}

int duck_stage_audits(struct duck_stage *s, struct err *e)
{
    for (size_t i = 0; i < s->spec->n_audit; i++) {
        struct str name = s->spec->audit_names[i];
        bool time = str_eq(name, STR("_loaded_at"));
        if (table_find(&s->table, name))
            continue;
        struct duck_column *m = duck_stage_column(
            s, name, time ? "TIMESTAMP WITH TIME ZONE" : "VARCHAR", e);
        if (!m)
            return -1;
        m->is_new = true;
    }
    return 0;
}

/* A field without a column, as struct table's add. */
static int add_field(void *stage, struct str name, struct val v,
                     struct sink_refusal *why, struct err *e)
{
    struct duck_stage *s = stage;
    struct duck_column *m = NULL;
    if (s->spec->n_columns)
        return sink_refusef(why, "unknown_column", STR(""),
                            "neither the table nor the schema has a column "
                            "'%.*s'",
                            (int)(name.n < 200 ? name.n : 200), name.p);
    if (name.n >= 6 && memcmp(name.p, "_pipe_", 6) == 0)
        return sink_refusef(why, "column_name", STR(""),
                            "a column name cannot begin with '_pipe_'");
    switch (v.type) {
    case JSON_NUMBER: m = duck_stage_numbers(s, name, e); break;
    case JSON_STRING: m = duck_stage_column(s, name, "VARCHAR", e); break;
    case JSON_TRUE:
    case JSON_FALSE: m = duck_stage_column(s, name, "BOOLEAN", e); break;
    case JSON_ARRAY:
    case JSON_OBJECT: m = duck_stage_column(s, name, "JSON", e); break;
    default: return 2; /* the column waits for a value */
    }
    if (!m)
        return -1;
    m->is_new = true;
    return 1;
}

unsigned duck_stage_takes(const struct column *c)
{
    switch (c->kind) {
    case COLUMN_INTEGER:
    case COLUMN_REAL:
    case COLUMN_DECIMAL:
    case COLUMN_NUMERIC: return 1u << JSON_NUMBER;
    case COLUMN_BOOLEAN: return 1u << JSON_TRUE | 1u << JSON_FALSE;
    case COLUMN_TEXT:
    case COLUMN_PARSED:
    case COLUMN_BYTES: return 1u << JSON_STRING;
    default: return ~0u;
    }
}

/* ---- life ---- */

int duck_stage_init(struct duck_stage *s, struct duck *d,
                    const struct sink_spec *spec, struct err *e)
{
    *s = (struct duck_stage){ .duck = d, .spec = spec };
    s->table = (struct table){
        .max = COLUMNS_MAX, .fold_case = true, .add = add_field, .context = s
    };
    return table_init(&s->table, spec, e);
}

static void drop_chunk(struct duck_stage *s)
{
    if (s->chunk)
        s->duck->api->destroy_data_chunk(&s->chunk);
    s->chunk = NULL;
    free(s->vectors);
    s->vectors = NULL;
    s->rows = s->bytes = 0;
}

void duck_stage_clear(struct duck_stage *s)
{
    struct err lost;
    drop_chunk(s);
    if (s->appender)
        (void)s->duck->api->appender_destroy(&s->appender);
    s->appender = NULL;
    if (s->made && s->duck->con)
        (void)duck_run(s->duck,
                       "DROP TABLE IF EXISTS " DUCK_STAGE
                       "; DROP TABLE IF EXISTS " DUCK_ALL,
                       "clean", &lost);
    s->made = s->folded = false;
    s->n = 0;
    for (size_t i = 0; i < s->table.n; i++)
        free(s->more[i].fallback);
    table_clear(&s->table);
    for (size_t i = 0; i < s->n_sets; i++)
        free(s->sets[i]);
    s->n_sets = s->last_set = 0;
}

void duck_stage_free(struct duck_stage *s)
{
    duck_stage_clear(s);
    table_free(&s->table);
    free(s->more);
    free(s->sets);
    buf_free(&s->fields);
    buf_free(&s->text);
    s->more = NULL;
    s->sets = NULL;
}

/* ---- the temporary table ---- */

static void add_staged_type(struct duck_stage *s, size_t i)
{
    static const char *const names[] = {
        [STAGED_BIGINT] = "BIGINT",
        [STAGED_HUGEINT] = "HUGEINT",
        [STAGED_DECIMAL18] = "DECIMAL(18,%u)",
        [STAGED_DECIMAL38] = "DECIMAL(38,%u)",
        [STAGED_DOUBLE] = "DOUBLE",
        [STAGED_BOOLEAN] = "BOOLEAN",
        [STAGED_TEXT] = "VARCHAR",
        [STAGED_BLOB] = "BLOB",
        [STAGED_DATE] = "DATE",
        [STAGED_TIMESTAMP] = "TIMESTAMP",
        [STAGED_TIMESTAMPTZ] = "TIMESTAMPTZ",
    };
    enum duck_staged t = s->more[i].staged;
    bool decimal = t == STAGED_DECIMAL18 || t == STAGED_DECIMAL38;
    if (decimal)
        buf_addf(&s->duck->sql, "DECIMAL(%d,%u)",
                 t == STAGED_DECIMAL18 ? 18 : DUCK_DIGITS,
                 s->table.v[i].places);
    else
        buf_addz(&s->duck->sql, names[t]);
}

static duck_handle logical_type(struct duck_stage *s, size_t i)
{
    static const int types[] = {
        [STAGED_BIGINT] = DUCK_BIGINT,
        [STAGED_HUGEINT] = DUCK_HUGEINT,
        [STAGED_DOUBLE] = DUCK_DOUBLE,
        [STAGED_BOOLEAN] = DUCK_BOOLEAN,
        [STAGED_TEXT] = DUCK_VARCHAR,
        [STAGED_BLOB] = DUCK_BLOB,
        [STAGED_DATE] = DUCK_DATE,
        [STAGED_TIMESTAMP] = DUCK_TIMESTAMP,
        [STAGED_TIMESTAMPTZ] = DUCK_TIMESTAMP_TZ,
    };
    const struct duck_api *api = s->duck->api;
    enum duck_staged t = s->more[i].staged;
    if (t == STAGED_DECIMAL18 || t == STAGED_DECIMAL38)
        return api->create_decimal_type(t == STAGED_DECIMAL18 ? 18
                                                              : DUCK_DIGITS,
                                        (uint8_t)s->table.v[i].places);
    return api->create_logical_type(types[t]);
}

/* Pointers into a chunk that is empty. */
static void map_vectors(struct duck_stage *s)
{
    const struct duck_api *api = s->duck->api;
    for (size_t i = 0; i < s->made_columns + OWN; i++) {
        struct duck_vector *v = &s->vectors[i];
        v->vector = api->data_chunk_get_vector(s->chunk, i);
        api->vector_ensure_validity_writable(v->vector);
        v->data = api->vector_get_data(v->vector);
        v->valid = api->vector_get_validity(v->vector);
    }
    s->rows = s->bytes = 0;
}

static int make_chunk(struct duck_stage *s, struct err *e)
{
    const struct duck_api *api = s->duck->api;
    size_t n = s->made_columns + OWN;
    duck_handle *types = calloc(n, sizeof(duck_handle));
    s->vectors = calloc(n, sizeof(*s->vectors));
    if (types && s->vectors) {
        types[0] = api->create_logical_type(DUCK_BIGINT);
        types[1] = api->create_logical_type(DUCK_INTEGER);
        for (size_t i = OWN; i < n; i++)
            types[i] = logical_type(s, i - OWN);
        s->chunk = api->create_data_chunk(types, n);
        for (size_t i = 0; i < n; i++)
            api->destroy_logical_type(&types[i]);
    }
    free(types);
    if (!s->chunk)
        return err_nomem(e);
    s->room = (size_t)api->vector_size();
    map_vectors(s);
    return 0;
}

/* Rows of the chunk into the table. */
static int send(struct duck_stage *s, struct err *e)
{
    const struct duck_api *api = s->duck->api;
    if (!s->rows)
        return 0;
    api->data_chunk_set_size(s->chunk, s->rows);
    if (duck_append(s->duck, s->appender, s->chunk, e))
        return -1;
    api->data_chunk_reset(s->chunk);
    map_vectors(s);
    return 0;
}

/* All rows into the table, which may then be changed. */
static int flush(struct duck_stage *s, struct err *e)
{
    int r = send(s, e);
    drop_chunk(s);
    return r ? -1 : duck_appender_end(s->duck, &s->appender, e);
}

static int make_table(struct duck_stage *s, struct err *e)
{
    struct buf *sql = &s->duck->sql;
    buf_reset(sql);
    buf_addz(sql, "CREATE TEMP TABLE " DUCK_STAGE
                  " (_pipe_seq BIGINT, _pipe_set INTEGER");
    for (size_t i = 0; i < s->table.n; i++) {
        buf_addf(sql, ", _pipe_c%zu ", i);
        add_staged_type(s, i);
    }
    buf_addc(sql, ')');
    if (duck_run_sql(s->duck, "stage rows for", NULL, e))
        return -1;
    s->made = true;
    s->made_columns = s->table.n;
    return 0;
}

static int add_columns(struct duck_stage *s, struct err *e)
{
    for (; s->made_columns < s->table.n; s->made_columns++) {
        struct buf *sql = &s->duck->sql;
        buf_reset(sql);
        buf_addf(sql, "ALTER TABLE " DUCK_STAGE " ADD COLUMN _pipe_c%zu ",
                 s->made_columns);
        add_staged_type(s, s->made_columns);
        if (duck_run_sql(s->duck, "stage rows for", NULL, e))
            return -1;
    }
    return 0;
}

/* Makes the table and the chunk as the columns want them. */
static int ready(struct duck_stage *s, struct err *e)
{
    if (s->made && s->made_columns < s->table.n &&
        (flush(s, e) || add_columns(s, e)))
        return -1;
    if (!s->made && make_table(s, e))
        return -1;
    if (!s->appender) {
        s->appender = duck_appender(s->duck, DUCK_STAGE, e);
        if (!s->appender)
            return -1;
    }
    return s->chunk ? 0 : make_chunk(s, e);
}

/* Digits before the point. */
static unsigned whole_digits(const char *number)
{
    unsigned n = 0;
    for (const char *p = number; *p && *p != '.'; p++)
        n += *p >= '0' && *p <= '9';
    return n;
}

/* How long the numbers are that the column has already, in the target and as
 * staged. */
static int measure(struct duck_stage *s, size_t i, struct err *e)
{
    struct buf *sql = &s->duck->sql;
    struct duck_rows rows;
    buf_reset(sql);
    buf_addz(sql, "SELECT CAST(max(v) AS VARCHAR), CAST(min(v) AS VARCHAR)"
                  " FROM (SELECT ");
    duck_ident(sql, str_of(s->table.v[i].name));
    buf_addz(sql, " AS v FROM ");
    duck_ident(sql, str_of(s->spec->table));
    if (s->made && i < s->made_columns)
        buf_addf(sql, " UNION ALL SELECT _pipe_c%zu FROM " DUCK_STAGE, i);
    buf_addc(sql, ')');
    int r = duck_query(s->duck, "read", &rows, e);
    s->more[i].whole = 0;
    for (size_t k = 0; r == 0 && rows.n && k < 2; k++) {
        const char *v = duck_cell(&rows, 0, k);
        unsigned n = v ? whole_digits(v) : 0;
        s->more[i].whole = n > s->more[i].whole ? n : s->more[i].whole;
    }
    duck_rows_free(&rows);
    return r;
}

int duck_stage_widen(struct duck_stage *s, size_t i, struct err *e)
{
    struct column *c = &s->table.v[i];
    struct duck_column *m = &s->more[i];
    if (flush(s, e) || measure(s, i, e))
        return -1;
    m->places = c->kind == COLUMN_DECIMAL ? c->places : 0;
    m->fraction = c->kind == COLUMN_DECIMAL;
    m->staged = STAGED_TEXT;
    m->may_widen = false;
    c->kind = COLUMN_NUMERIC;
    if (!s->made || i >= s->made_columns)
        return 0;
    buf_reset(&s->duck->sql);
    buf_addf(&s->duck->sql,
             "ALTER TABLE " DUCK_STAGE " ALTER _pipe_c%zu TYPE VARCHAR", i);
    return duck_run_sql(s->duck, "stage rows for", NULL, e);
}

/* ---- records ---- */

static int find_set(struct duck_stage *s, struct err *e)
{
    struct str want = buf_str(&s->fields);
    if (s->n_sets && str_eq(str_of(s->sets[s->last_set]), want))
        return (int)s->last_set;
    for (size_t i = 0; i < s->n_sets; i++)
        if (str_eq(str_of(s->sets[i]), want)) {
            s->last_set = i;
            return (int)i;
        }
    if (s->n_sets == DUCK_SETS_MAX)
        return err_set(e, ERR_DATA,
                       "records have more than %d different sets of fields",
                       DUCK_SETS_MAX);
    if (s->n_sets == s->cap_sets) {
        size_t cap = s->cap_sets ? s->cap_sets * 2 : 16;
        char **grown = realloc(s->sets, cap * sizeof(*grown));
        if (!grown)
            return err_nomem(e);
        s->sets = grown;
        s->cap_sets = cap;
    }
    s->sets[s->n_sets] = strndup(want.p, want.n);
    if (!s->sets[s->n_sets])
        return err_nomem(e);
    s->last_set = s->n_sets++;
    return (int)s->last_set;
}

static int set_of_fields(struct duck_stage *s, struct err *e)
{
    bool all = s->spec->mode == SINK_UPSERT && s->spec->missing_null;
    buf_reset(&s->fields);
    for (size_t i = 0; i < s->table.n; i++) {
        const struct column *c = &s->table.v[i];
        bool there = c->val.type != JSON_MISSING || c->audit || all;
        buf_addc(&s->fields, !c->derived && !c->dropped && there ? '1' : '0');
    }
    return s->fields.failed ? err_nomem(e) : find_set(s, e);
}

/* The record that the columns hold: 1, 0 with why, -1. */
static int put_row(struct duck_stage *s, uint64_t number,
                   struct sink_refusal *why, struct err *e)
{
    size_t i = 0;
    if (ready(s, e))
        return -1;
    while (i < s->table.n) {
        int r = duck_value_put(s, i, why, e);
        if (r <= 0)
            return r;
        if (r == 2) {
            if (duck_stage_widen(s, i, e) || ready(s, e))
                return -1;
            i = 0; /* in a new chunk */
            continue;
        }
        i++;
    }
    int set = set_of_fields(s, e);
    if (set < 0)
        return -1;
    ((int64_t *)s->vectors[0].data)[s->rows] = (int64_t)number;
    ((int32_t *)s->vectors[1].data)[s->rows] = (int32_t)set;
    s->rows++;
    s->n++;
    if (s->rows == s->room || s->bytes > CHUNK_BYTES)
        return send(s, e) ? -1 : 1;
    return 1;
}

int duck_stage_take(struct duck_stage *s, const struct sink_record *r,
                    uint64_t number, struct sink_refusal *why, struct err *e)
{
    int done = 1;
    bool first = s->table.n == 0;
    /* What cannot be a row must not shape the table. */
    if (first)
        done = table_has_keys(s->spec, r->text, why);
    if (done > 0)
        done = table_take_record(&s->table, s->spec, r, why, e);
    if (done > 0 && first && duck_stage_audits(s, e))
        return -1;
    return done > 0 ? put_row(s, number, why, e) : done;
}

/* ---- the end ---- */

/* A type once wide stays so. */
static int settle_type(struct duck_stage *s, size_t i, struct err *e)
{
    struct column *c = &s->table.v[i];
    struct duck_column *m = &s->more[i];
    char type[32] = "BIGINT";
    if (c->kind != COLUMN_NUMERIC)
        return 0;
    bool wide = m->whole + m->places > 18 || c->precision > 18;
    if (m->fraction)
        snprintf(type, sizeof(type), "DECIMAL(%d,%u)", wide ? DUCK_DIGITS : 18,
                 m->places);
    else if (m->long_integer)
        snprintf(type, sizeof(type), "%s",
                 s->no_hugeint ? "DECIMAL(38,0)" : "HUGEINT");
    m->retyped = !m->is_new && strcmp(type, c->type) != 0;
    char *copy = strdup(type);
    if (!copy)
        return err_nomem(e);
    free(c->type);
    c->type = copy;
    return 0;
}

int duck_stage_end(struct duck_stage *s, struct err *e)
{
    if (flush(s, e))
        return -1;
    for (size_t i = 0; i < s->table.n; i++)
        if (settle_type(s, i, e))
            return -1;
    if (s->made && s->made_columns < s->table.n)
        return add_columns(s, e);
    return s->made ? 0 : make_table(s, e);
}

/* ---- SQL ---- */

static bool has(const struct duck_stage *s, size_t set, size_t column)
{
    return strlen(s->sets[set]) > column && s->sets[set][column] == '1';
}

size_t duck_stage_having(const struct duck_stage *s, size_t column)
{
    size_t n = 0;
    for (size_t k = 0; k < s->n_sets; k++)
        n += has(s, k, column);
    return n;
}

void duck_stage_add_has(struct duck_stage *s, size_t column)
{
    struct buf *sql = &s->duck->sql;
    bool first = true;
    size_t having = duck_stage_having(s, column);
    if (having == s->n_sets || having == 0) {
        buf_addz(sql, having ? "true" : "false");
        return;
    }
    if (s->folded) {
        buf_addf(sql, "_pipe_h%zu", column);
        return;
    }
    buf_addz(sql, "_pipe_set IN (");
    for (size_t k = 0; k < s->n_sets; k++)
        if (has(s, k, column)) {
            buf_addf(sql, "%s%zu", first ? "" : ", ", k);
            first = false;
        }
    buf_addc(sql, ')');
}

void duck_stage_add_value(struct duck_stage *s, size_t column)
{
    buf_addf(&s->duck->sql, "CAST(_pipe_c%zu AS %s)", column,
             s->table.v[column].type);
}
