/* lsn: places in PostgreSQL's write-ahead log, "16/B374D848": bytes since its
 * beginning, as two halves in hex. 0 is no place. Thread-safe. */
#ifndef PGLOG_LSN_H
#define PGLOG_LSN_H

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define LSN_TEXT 18 /* bytes of the longest, with its NUL */

/* Reads "16/B374D848", nothing behind it. */
bool lsn_parse(struct str text, uint64_t *lsn);

/* Writes it as the server does. Returns out. */
const char *lsn_format(char out[LSN_TEXT], uint64_t lsn);

#endif
