/* describe: values of records in messages, cut to what a line can show. */
#ifndef QUALITY_DESCRIBE_H
#define QUALITY_DESCRIBE_H

#include "base/buf.h"
#include "base/decimal.h"

#define DESCRIBE_BYTES 60

/* Appends raw (a value as it stands in a record), of long ones the beginning
 * and "...". 0 or -1. */
int describe_value(struct buf *out, struct str raw);

/* Appends the values of a key (json/key.h), separated by ", ". 0 or -1. */
int describe_key(struct buf *out, struct str key);

/* Appends a number with at most 12 digits behind the point and without zeros
 * at its end; as a percentage of 100 times the value. 0 or -1. */
int describe_number(struct buf *out, const struct decimal *d);
int describe_share(struct buf *out, const struct decimal *d);

#endif
