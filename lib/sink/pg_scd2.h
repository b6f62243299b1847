/* pg_scd2: what the two halves of versions of rows (SINK_SCD2) in PostgreSQL
 * share; nobody else includes it. pg_scd2.c is what happens when, and
 * pg_scd2_sql.c the statements. */
#ifndef SINK_PG_SCD2_H
#define SINK_PG_SCD2_H

#include "sink/pg.h"

/* One merge of the staging table. */
struct pg_scd2 {
    struct pg_sink *s;
    struct buf used; /* one '0' or '1' a column: is it written? */
};

enum pg_scd2_step {
    /* Make the tables below. */
    PG_SCD2_EVENTS,
    PG_SCD2_VERSIONS,
    PG_SCD2_PLAN,
    /* Carry the plan out, each for a range of keys. */
    PG_SCD2_DELETE, /* versions that last for no time */
    PG_SCD2_END,    /* valid_to and is_current */
    PG_SCD2_SET,    /* values, in place */
    PG_SCD2_START,  /* valid_from */
    PG_SCD2_INSERT,
    /* PL/pgSQL: one event, the record _pipe_r. */
    PG_SCD2_EVENT
};

/* Temporary tables of a merge, all about the keys that were staged:
 *     _pipe_events    key, _pipe_at, _pipe_clock, _pipe_op, _pipe_hash,
 *                     _pipe_seq: one event of a key at a time, the last;
 *                     _pipe_k: the key's number, from 1; _pipe_first,
 *                     _pipe_only: of the key
 *     _pipe_versions  _pipe_k, key, _pipe_f, _pipe_u, _pipe_h: their history
 *                     (from, until, hash); _pipe_is: there is one; _pipe_act:
 *                     what the only event of the key does, where that is plain
 *                     (i: insert, -: nothing), with its _pipe_at, _pipe_seq
 *     _pipe_slow      k: keys whose events want to be taken one by one
 *     _pipe_plan      k, act (i: insert, u: update, d: delete, -: nothing), f:
 *                     from when the version is now, ts, u: what becomes of it,
 *                     src: number of the record with its values, slow */

/* Appends a step's SQL. */
void pg_scd2_sql(const struct pg_scd2 *m, struct buf *out,
                 enum pg_scd2_step step);

/* Appends SQL in which @ stands for a name: @t the table, @f @u @c @h the
 * mode's columns, @kX the key's columns of X (- for none), @=XY the equality of
 * two keys, @w the columns that are written, @W those of s, @S assignments from
 * s of all but the key, @D whether one of them differs between t and s. */
void pg_scd2_add(const struct pg_scd2 *m, struct buf *out, const char *text);

#endif
