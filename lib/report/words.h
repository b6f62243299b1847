/* words: figures as people read them. All append to out; what fails shows in
 * out->failed. */
#ifndef REPORT_WORDS_H
#define REPORT_WORDS_H

#include "base/buf.h"

#include <stdint.h>

/* "0.4s", "12s", "3m 05s", "2h 10m", "5d 3h". Negative ones with a '-'. */
void words_seconds(struct buf *out, double seconds);

/* "987", "12,345,678". */
void words_count(struct buf *out, uint64_t n);

/* "987", "12.3k", "4.5M": for narrow columns and axes. */
void words_short(struct buf *out, double n);

/* "512 B", "1.5 KiB", "3.2 GiB". */
void words_bytes(struct buf *out, double bytes);

/* "0%", "<0.01%", "1.25%", "100%": never 0 or 100 where it is not. */
void words_share(struct buf *out, double share);

/* "2026-01-31 02:15:00" by the clocks of tz (NULL: UTC); "-" for 0. */
void words_time(struct buf *out, int64_t us, const char *tz);

/* Appends text for a shell, in quotes where it needs any. */
void words_shell(struct buf *out, struct str text);

#endif
