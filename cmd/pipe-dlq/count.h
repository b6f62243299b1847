/* count: letters by pipeline, stage, code and day, for stats and check. */
#ifndef DLQ_CMD_COUNT_H
#define DLQ_CMD_COUNT_H

#include "base/arena.h"
#include "dlq/idmap.h"
#include "dlq_cmd.h"

enum { PIPELINE, STAGE, CODE, DAY, PARTS };

extern const char *const count_parts[PARTS];

/* Letters that agree in the parts asked for; their code is that of their first
 * error. */
struct count_group {
    struct str part[PARTS];          /* JSON strings; borrowed from the table */
    uint64_t open, poison, replayed; /* poison: of open */
    uint64_t recent;   /* written since a moment, whatever became of them */
    int64_t oldest_us; /* ts of the oldest open one; 0: none is */
};

struct count_table {
    unsigned by; /* bits of parts */
    struct arena text;
    struct idmap by_part;  /* hash of the parts to 1 + index */
    struct count_group *v; /* owned; sorted by parts */
    size_t n, cap;
    struct count_group all;
};

/* Counts the letters of p; t needs no init. 0 or -1 with the stage's err;
 * count_free is due either way. */
int count_letters(struct count_table *t, struct stage *st, struct pick *p,
                  unsigned by, int64_t recent_us);

void count_free(struct count_table *t);

/* Reads "pipeline,code" or "none". 0, or -1 with ERR_USAGE naming option. */
int count_parse(const char *option, const char *text, unsigned *by,
                struct err *e);

/* Writes the gauges of --metrics, if it is given, from the letters of p. */
int count_gauges(struct stage *st, struct pick *p);

#endif
