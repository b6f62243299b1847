/* letters: open dead letters of all pipelines, by stage and code. */
#ifndef REPORT_LETTERS_H
#define REPORT_LETTERS_H

#include "base/arena.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define LETTERS_GROUPS_MAX 10000

struct letters_group {
    struct str pipeline, stage, code; /* the code of the first error */
    uint64_t open;
    int64_t oldest_us, newest_us;
};

struct letters {
    struct letters_group *v; /* owned: by pipeline, then the most first */
    size_t n, cap;
    struct arena text;
};

/* Counts the letters in STATE/dlq/PIPELINE/ of every pipeline. l needs no init;
 * letters_free in every case. 0 or -1. */
int letters_read(struct letters *l, const char *state, struct err *e);

void letters_free(struct letters *l);

#endif
