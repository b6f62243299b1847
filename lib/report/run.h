/* run: what a run's record says, as far as reports want it.
 *
 * pipe-run(1), FILES, lists the members. Records of older versions lack some of
 * them; what is missing stays at its zero, with its has_ flag false. */
#ifndef REPORT_RUN_H
#define REPORT_RUN_H

#include "base/arena.h"
#include "base/str.h"
#include "json/value.h"

#include <stdbool.h>
#include <stdint.h>

struct run {
    struct str run_id, pipeline, date, outcome, message; /* in an arena */
    struct str loads;             /* the record's, as JSON; may be empty */
    int64_t started_us, ended_us; /* UTC; ended 0: it is not over */
    double seconds;
    int exit;
    unsigned attempts;
    uint64_t read;     /* by the stages that nobody feeds */
    uint64_t rejected; /* by all stages */
    uint64_t rows;     /* loaded; without a loader, out of the last stage */
    double quality;    /* product over the stages of the share not rejected;
                        * without has_quality it means nothing */
    double cpu_seconds, cost;
    uint64_t peak_memory; /* bytes; the largest of a stage */
    bool has_counts;      /* read, rejected and rows are known */
    bool has_quality;     /* something was read */
    bool has_cpu, has_cost;
    bool live; /* running, by its lock */
    /* Medians of the last ok runs of the pipeline before this one; 0 of n:
     * there are none. */
    double usual_seconds, usual_rows;
    unsigned usual_n;
};

/* Reads a record, which need not be whole or even JSON: false where it is none,
 * or no record, or there is no memory. Texts are copied into a. */
bool run_parse(struct str line, struct run *r, struct arena *a);

/* Copies the texts of r into a, where they were borrowed from another arena.
 * False without memory. */
bool run_keep(struct run *r, struct arena *a);

/* Is it over, and did it do anything? Not so while it runs, nor where a lock or
 * a breaker kept it from starting. */
bool run_is_over(const struct run *r);
bool run_is_ok(const struct run *r);

/* Share of what was read that was rejected; 0 where nothing was read. */
double run_reject_share(const struct run *r);

/* Appends the characters of a JSON string; nothing where v is none. */
int run_text(struct buf *out, struct val v);

/* The value of a number that counts; of a number at all, 0 where that is
 * beyond all doubles. */
uint64_t run_count(struct val v);
double run_number(struct val v);

/* Microseconds of a time; 0 where v is none. */
int64_t run_time(struct val v);

#endif
