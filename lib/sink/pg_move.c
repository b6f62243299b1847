/* Rows that get another key, from events that do not tell of all columns: what
 * they leave out stays, so the row itself is moved. Which row that is, only the
 * target can say: what was staged before is brought there first. */
#include "sink/pg.h"

static void add_same_key(struct pg_sink *s, const char *a, const char *b)
{
    const struct sink_spec *spec = s->base.spec;
    for (size_t i = 0; i < spec->n_keys; i++) {
        buf_addf(&s->sql, "%s%s.", i ? " AND " : "", a);
        pg_ident(&s->sql, spec->keys[i]);
        buf_addf(&s->sql, " = %s.", b);
        pg_ident(&s->sql, spec->keys[i]);
    }
}

static void add_columns(struct pg_sink *s)
{
    for (size_t i = 0; i < s->table.n; i++) {
        pg_ident(&s->sql, str_of(s->table.v[i].name));
        buf_addz(&s->sql, ", ");
    }
    buf_addz(&s->sql, "_pipe_seq, _pipe_set, _pipe_op");
}

/* Sets the record's rows aside and brings in all before it. */
static int bring_in(struct pg_sink *s, uint64_t number, struct err *e)
{
    buf_reset(&s->sql);
    buf_addf(&s->sql,
             "CREATE TEMP TABLE _pipe_move ON COMMIT DROP AS"
             " SELECT * FROM _pipe_stage WHERE _pipe_seq = %llu;"
             " DELETE FROM _pipe_stage WHERE _pipe_seq = %llu",
             (unsigned long long)number, (unsigned long long)number);
    if (pg_run_sql(s, "write to", e) || pg_apply_stage(s, e) ||
        pg_run(s, "DROP TABLE IF EXISTS _pipe_stage, _pipe_gone", "write to",
               e))
        return -1;
    s->stage_made = s->truncated = false;
    return 0;
}

/* Another row that has the new key goes, if there is one to come. */
static int make_way(struct pg_sink *s, struct sink_refusal *why, struct err *e)
{
    enum pg_fault fault;
    uint64_t changed;
    buf_reset(&s->sql);
    buf_addz(&s->sql, "DELETE FROM ");
    buf_add_str(&s->sql, buf_str(&s->qualified));
    buf_addz(&s->sql,
             " AS t USING _pipe_move AS n WHERE n._pipe_op = 'r' AND ");
    add_same_key(s, "t", "n");
    buf_addz(&s->sql, " AND EXISTS (SELECT FROM ");
    buf_add_str(&s->sql, buf_str(&s->qualified));
    buf_addz(&s->sql, " AS u, _pipe_move AS o WHERE o._pipe_op = 'd' AND ");
    add_same_key(s, "u", "o");
    buf_addc(&s->sql, ')');
    return pg_try(s, "delete from", &changed, &fault, why, e);
}

static int move_row(struct pg_sink *s, const char *fields, uint64_t *changed,
                    struct sink_refusal *why, struct err *e)
{
    enum pg_fault fault;
    bool first = true;
    buf_reset(&s->sql);
    buf_addz(&s->sql, "UPDATE ");
    buf_add_str(&s->sql, buf_str(&s->qualified));
    buf_addz(&s->sql, " AS t SET ");
    for (size_t i = 0; i < s->table.n && fields[i]; i++) {
        if (fields[i] == '0')
            continue;
        buf_addz(&s->sql, first ? "" : ", ");
        first = false;
        pg_ident(&s->sql, str_of(s->table.v[i].name));
        buf_addz(&s->sql, " = n.");
        pg_ident(&s->sql, str_of(s->table.v[i].name));
    }
    buf_addz(&s->sql, " FROM _pipe_move AS n, _pipe_move AS o WHERE"
                      " n._pipe_op = 'r' AND o._pipe_op = 'd' AND ");
    add_same_key(s, "t", "o");
    return pg_try(s, "write to", changed, &fault, why, e);
}

/* There is no such row: it is one like others. */
static int stage_again(struct pg_sink *s, struct err *e)
{
    if (pg_merge_stage(s, e))
        return -1;
    buf_reset(&s->sql);
    buf_addz(&s->sql, "INSERT INTO _pipe_stage (");
    add_columns(s);
    buf_addz(&s->sql, ") SELECT ");
    add_columns(s);
    buf_addz(&s->sql, " FROM _pipe_move");
    return pg_run_sql(s, "write to", e);
}

int pg_move(struct pg_sink *s, uint64_t number, const char *fields,
            struct sink_refusal *why, struct err *e)
{
    uint64_t changed = 0;
    s->moved = true;
    if (pg_copy_flush(s, e) || bring_in(s, number, e) ||
        pg_run(s, "SAVEPOINT _pipe_rows", "write to", e))
        return -1;
    int done = make_way(s, why, e);
    if (done > 0)
        done = move_row(s, fields, &changed, why, e);
    if (done < 0 || pg_run(s,
                           done ? "RELEASE _pipe_rows"
                                : "ROLLBACK TO _pipe_rows; RELEASE _pipe_rows",
                           "write to", e))
        return -1;
    if (done > 0 && changed == 0 && stage_again(s, e))
        return -1;
    return pg_run(s, "DROP TABLE _pipe_move", "write to", e) ? -1 : done;
}
