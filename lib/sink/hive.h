/* hive: names of partition folders, COL=VAL, as Hive and Spark write them.
 *
 * Characters that file systems or shells take amiss are written as %XX; null,
 * missing and the empty string are __HIVE_DEFAULT_PARTITION__. Numbers are
 * spelled one way for each value, so that 7, 7.0 and 7e0 share a folder.
 * For connectors. */
#ifndef SINK_HIVE_H
#define SINK_HIVE_H

#include "json/value.h"
#include "sink/sink.h"

#define HIVE_NULL "__HIVE_DEFAULT_PARTITION__"
#define HIVE_NAME_MAX 255 /* bytes of a folder's name */

/* Appends "COL=" and the name for v. 1; 0 with why (partition_value), out as
 * it was, where v names no folder: an array or object, NUL, half a surrogate
 * pair, a step to the parent folder, too long; -1 without memory. */
int hive_folder(struct buf *out, struct str column, struct val v,
                struct sink_refusal *why);

/* The same for characters, as from an option. */
int hive_folder_of(struct buf *out, struct str column, struct str text,
                   struct sink_refusal *why);

#endif
