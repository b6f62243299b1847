/* scd2: what versions of rows (SINK_SCD2) are, whatever keeps them.
 *
 * When a record is effective, which values make a version, and the hash that
 * tells two versions apart. Internal to lib/sink. */
#ifndef SINK_SCD2_H
#define SINK_SCD2_H

#include "sink/table.h"

#define SCD2_TIME_LEN 27 /* 2026-01-31T08:00:00.000000Z: sorts as text */

/* Does the mode fill the column of that name, and no field? */
bool scd2_is_ours(const struct table *t, const struct sink_spec *spec,
                  struct str name);

/* Does the column take what records have, and no other value? */
bool scd2_is_field(const struct column *c);

/* Writes a time into out as all versions have theirs. False: it has no such
 * text. */
bool scd2_read_time(const struct sink_spec *spec, struct str text,
                    char out[SCD2_TIME_LEN + 1]);

/* When the record at hand (in t) is effective; *clock: by the load's clock. 1,
 * or 0 with why. */
int scd2_effective(struct table *t, const struct sink_spec *spec,
                   const struct sink_record *r, char at[SCD2_TIME_LEN + 1],
                   bool *clock, struct sink_refusal *why);

/* The hash of the values of the record at hand that make a version: the same
 * for the same values, however they are written and in any order. Null is as
 * missing. Uses scratch. */
int scd2_hash(const struct table *t, const struct sink_spec *spec,
              struct buf *scratch, char hex[33], struct err *e);

/* Are the mode's columns there, each as fits says? wants names the types. 0, or
 * -1 with ERR_CONFIG. */
int scd2_check(struct table *t, const struct sink_spec *spec,
               bool (*fits)(const struct column *c,
                            enum sink_scd2_column which),
               const char *const wants[SINK_SCD2_COLUMNS], struct err *e);

#endif
