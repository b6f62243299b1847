/* dedup: what the parts of pipe-dedup share.
 *
 * key.c makes the keys of a batch, judge.c says of each record what becomes of
 * it (window.c under --window; state.c has keys of earlier runs, and ask.c asks
 * what became of them), aside.c keeps those of which that is known at the end
 * of the input. */
#ifndef DEDUP_CMD_DEDUP_H
#define DEDUP_CMD_DEDUP_H

#include "run/seen.h"
#include "stage/stage.h"
#include "table/bloom.h"
#include "table/contest.h"
#include "table/fieldkey.h"
#include "table/recent.h"
#include "table/spool.h"
#include "table/wordset.h"

enum late { LATE_REJECT, LATE_PASS, LATE_DROP };
enum doubt { DOUBT_REFUSE, DOUBT_KEEP, DOUBT_FORGET };
enum null_key { NULL_REJECT, NULL_PASS, NULL_GROUP };

/* The command line. */
struct dedup_opts {
    const struct opt_list *keys;
    enum contest_rule keep;
    const char *by; /* the field of max: and min:; else NULL */
    enum null_key null_key;
    const char *duplicates, *tmpdir;
    uint64_t memory;
    uint64_t window_ms, lateness_ms; /* window: 0 for none */
    const char *time;                /* its field */
    enum late late;
    const char *state; /* NULL: none */
    uint64_t ttl_ms;   /* 0: for ever */
    enum doubt doubt;
    double error; /* --approx; 0: exact */
    uint64_t expect;
};

/* A record of the batch and its key. */
struct keyed {
    enum fieldkey_result result;
    size_t part;         /* the field that result is about */
    enum json_type type; /* of that field */
    uint64_t word;       /* the hash of the key's word; 0: it has none, and */
    size_t at, n;        /* these are its bytes, in fieldkey.key, */
    struct hash128 hash; /* and their hash */
    struct val value;    /* of the field that is looked up beside the key */
};

struct dedup {
    struct stage *st;
    struct dedup_opts o;
    struct fieldkey key;
    size_t also; /* slot of the field beside the key, if there is one */
    struct keyed batch[STAGE_BATCH];
    struct budget budget;
    struct wordset words; /* --keep first, keys seen: those that have words, */
    struct keyset seen;   /* and the others */
    struct keyset *keys;  /* where keys are looked up: seen, or contest.keys */
    bool aside;           /* records are set aside until the end */
    struct contest contest;
    struct spool spool;    /* the records set aside */
    uint64_t n_aside;      /* of them, and of these */
    uint64_t passed_aside; /* those that stay whatever comes */
    struct output dropped; /* --duplicates */
    struct seen seen_keys; /* --state */
    int64_t now_us;        /* when keys that are new were first seen */
    bool full;             /* --state: the tables take in no more */
    struct bloom bloom;    /* --approx */
    struct recent recent;  /* --window */
    struct path time;      /* its field */
    int64_t newest_us;     /* event time so far; INT64_MIN: none */
    uint64_t late;         /* records that came too late */
    struct buf text;       /* of an event time with escapes */
    struct buf pointer;
};

/* ---- key.c */

/* Keys the n records of a batch and sends for where the keys will be looked
 * up: a table larger than the caches is waited for once a batch. */
int key_batch(struct dedup *d, const struct record *recs, size_t n);

/* Sees to a record whose key part is null or missing, or cannot be compared: 1
 * where that is none, or has a key all the same; 0 where it was rejected; 2
 * where it is to pass unjudged; -1. */
int key_check(struct dedup *d, const struct record *rec, const struct keyed *k);

/* ---- judge.c */

/* One record whose key was made. */
int judge(struct dedup *d, const struct record *rec, const struct keyed *k);

/* Counts and drops a duplicate. */
int drop(struct dedup *d, struct str text);

/* ---- window.c */
void window_begin(struct dedup *d);

/* The same with --window. */
int window_judge(struct dedup *d, const struct record *rec,
                 const struct keyed *k);

/* ---- state.c */

/* Opens the state, and settles what an earlier run has left. */
int state_begin(struct dedup *d);

/* At the end of the input: keys that are new are durable, and pending. */
int state_end(struct dedup *d);

/* ---- aside.c */

/* Begins to set records aside. */
int aside_begin(struct dedup *d);

/* What is known of a record that is set aside. */
enum fate { FATE_OPEN, FATE_STAYS, FATE_GOES };

/* Sets a record aside; *number is what it is called in the contest. */
int aside_add(struct dedup *d, enum fate fate, struct str text,
              uint64_t *number);

/* At the end of the input: emits what stays, in order. */
int aside_emit(struct dedup *d);

#endif
