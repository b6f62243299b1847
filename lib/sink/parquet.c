#include "sink/parquet.h"

#include "sink/duck_create.h"

#include <stdlib.h>

struct parquet {
    struct sink_spec spec; /* without what only the folders heed */
    struct duck duck;
    struct duck_stage stage;
};

void parquet_free(struct parquet *p)
{
    if (!p)
        return;
    duck_stage_free(&p->stage);
    duck_free(&p->duck);
    free(p);
}

static int start(struct parquet *p, const char *spill, struct err *e)
{
    bool busy;
    if (duck_stage_init(&p->stage, &p->duck, &p->spec, e) ||
        duck_open(&p->duck, NULL, spill, &busy, e))
        return -1;
    p->stage.no_hugeint = true; /* Parquet would have it as a double */
    for (size_t i = 0; i < p->spec.n_columns; i++) {
        struct sink_column d = p->spec.columns[i];
        /* One that is none could be refused only when the file is written. */
        if (d.format && strcmp(d.format, "uuid") == 0)
            d.format = NULL;
        if (!duck_create_declared(&p->stage, &d, e))
            return -1;
    }
    return 0;
}

struct parquet *parquet_new(const struct sink_spec *spec, const char *spill,
                            struct err *e)
{
    struct parquet *p = calloc(1, sizeof(*p));
    if (!p) {
        err_nomem(e);
        return NULL;
    }
    p->spec = *spec;
    p->spec.mode = SINK_APPEND;
    p->spec.part_column = p->spec.range_to = STR("");
    p->spec.create = true;
    p->duck.target = spec->target;
    if (start(p, spill, e)) {
        parquet_free(p);
        return NULL;
    }
    return p;
}

int parquet_add(struct parquet *p, size_t file, const struct sink_record *r,
                struct sink_refusal *why, struct err *e)
{
    return duck_stage_take(&p->stage, r, file, why, e);
}

int parquet_end(struct parquet *p, struct err *e)
{
    if (p->stage.n && !p->stage.table.n)
        return err_set(e, ERR_DATA,
                       "no record has a field with a value: Parquet wants a "
                       "column");
    return duck_stage_end(&p->stage, e);
}

int parquet_write(struct parquet *p, size_t file, const char *path,
                  struct err *e)
{
    struct buf *sql = &p->duck.sql;
    buf_reset(sql);
    buf_addz(sql, "COPY (SELECT ");
    for (size_t i = 0; i < p->stage.table.n; i++) {
        buf_addz(sql, i ? ", " : "");
        duck_stage_add_value(&p->stage, i);
        buf_addz(sql, " AS ");
        duck_ident(sql, str_of(p->stage.table.v[i].name));
    }
    buf_addf(sql, " FROM " DUCK_STAGE " WHERE _pipe_seq = %zu) TO ", file);
    duck_literal(sql, str_of(path));
    buf_addf(sql, " (FORMAT parquet, COMPRESSION %s, USE_TMP_FILE false)",
             p->spec.compress ? p->spec.compress : "snappy");
    return duck_run_sql(&p->duck, "write a file of", NULL, e);
}
