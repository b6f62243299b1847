/* join: records enriched from a reference, by key and maybe by time.
 *
 * First the reference: join_open, join_add for each of its records, join_ready.
 * Then the stream: a struct joinprobe a thread, batches of records through
 * joinprobe_batch, the result of each from joinprobe_result. A reference that
 * does not fit under the budget goes to disk (join_spilled), and the stream
 * after it: then join/joinspill.h takes over.
 *
 * Keys compare as json/key.h has it; a key with a part that is null or missing
 * matches nothing, and so does a time. */
#ifndef JOIN_JOIN_H
#define JOIN_JOIN_H

#include "join/joinrow.h"
#include "join/jointable.h"
#include "table/spill.h"

struct colmap;

struct join_spec {
    const char *const *keys; /* lists "field, field=reference_field" */
    size_t n_keys;
    const char *as_of; /* "field=reference_field"; NULL: no time */
    uint64_t max_us;   /* how far an as-of join looks back; 0: any */
    const char *tz;    /* of times without a zone; NULL: UTC */
    enum jointable_multi multi;
    const char *const *fields; /* as joinrow_init */
    size_t n_fields;
    const char *prefix, *nest;
    bool overwrite;     /* a field that is there gets the reference's value */
    size_t memory;      /* bytes that the reference may take */
    const char *tmpdir; /* where it goes beyond them */
};

struct join {
    struct join_spec spec;    /* what it points to is borrowed */
    struct path *key, *other; /* of the stream and of the reference */
    size_t n_key;
    struct path time, other_time; /* n_key fields; with spec.as_of */
    struct joinrow row;
    struct budget budget;
    struct jointable table;
    struct select *select; /* of the reference's keys and time */
    struct val *vals;
    struct buf key_bytes, row_bytes, scratch;
    bool numbers, instants; /* what the reference's times are */
    bool spills;
    struct spill parts; /* the reference on disk */
    uint64_t records, keyless;
};

/* Prepares j, zeroed. 0, or -1 with ERR_USAGE; join_free is due either way. */
int join_open(struct join *j, const struct join_spec *spec, struct err *e);

/* Adds a record of the reference, which is JSON. 0, or -1 with e: ERR_DATA for
 * one that cannot be used (a key out of range, a time that is none, a second
 * one of a key under JOINTABLE_FAIL), ERR_CANTCREAT or ERR_IO on disk. */
int join_add(struct join *j, struct str record, struct err *e);

/* The reference is whole. 0 or -1 with e as join_add. */
int join_ready(struct join *j, struct err *e);

/* True where the reference went to disk; known once join_ready was called. */
static inline bool join_spilled(const struct join *j)
{
    return j->spills;
}

/* An item of the reference on disk; the key behind it, then the row. */
struct join_item {
    uint64_t hash;
    struct jointime time;
    uint32_t key_n;
};

/* Takes an item apart. */
void join_item_read(struct str item, struct join_item *head, struct str *key,
                    struct str *row);

/* Takes m, a map of the fields of the stream's records (lineage/colmap.h),
 * through the join, whose reference is ready; all_stay: also records that
 * nothing matches. */
void join_trace(const struct join *j, struct colmap *m, bool all_stay);

void join_free(struct join *j);

/* ---- the stream ---- */

enum joinprobe_kind {
    JOINPROBE_TEXT,    /* the record with what was added: text */
    JOINPROBE_MATCHED, /* it matches, and nothing is added */
    JOINPROBE_MISS,    /* no reference record matches */
    JOINPROBE_FAULT    /* it cannot be judged: fault */
};

enum joinprobe_fault {
    JOINPROBE_NOT_JSON,
    JOINPROBE_RANGE,   /* a key's number is out of range */
    JOINPROBE_DEEP,    /* a key is too deep */
    JOINPROBE_TIME,    /* no time, or not of the reference's kind */
    JOINPROBE_SEVERAL, /* several records match, under JOINTABLE_FLAG */
    JOINPROBE_EXISTS,  /* a field that would be added is there */
    JOINPROBE_LONG     /* what it becomes does not fit into memory */
};

/* A code for dead letters. */
extern const char *const joinprobe_codes[];

struct joinprobe_result {
    enum joinprobe_kind kind;
    struct str text; /* one record, or several with LF between */
    uint64_t rows;   /* in text */
    enum joinprobe_fault fault;
    struct str path; /* JSON Pointer */
    struct str message;
};

/* A record of the batch and its key. */
struct joinprobe_key {
    enum { JOINPROBE_KEYED, JOINPROBE_KEYLESS, JOINPROBE_BAD } state;
    enum joinprobe_fault fault;
    const struct path *at; /* what the fault is about; NULL: the record */
    size_t from, n;        /* the key's bytes, in keys */
    uint64_t hash;
    struct jointime time;
    const struct jointable_row *first;
};

/* For one thread at a time. */
struct joinprobe {
    const struct join *j;
    const struct jointable *table;
    struct select *select; /* keys, time, names that may be added */
    struct select_batch picked;
    size_t *slot;      /* of the keys, then of the time */
    size_t *name_slot; /* of each name */
    struct path *names;
    size_t n_names;
    struct joinprobe_key batch[SELECT_BATCH];
    const struct select_record *recs;
    bool some_exist; /* a record of the batch may have such a name */
    struct buf keys, out, spare, row, pointer, message, scratch;
};

/* Prepares p, zeroed, to look up in table: j's own, once it is ready, or a part
 * of it. 0 or -1 (memory); joinprobe_free is due either way. */
int joinprobe_init(struct joinprobe *p, const struct join *j,
                   const struct jointable *table, struct err *e);

/* Makes the keys of n records (SELECT_BATCH at most; borrowed until the next
 * call) and starts to look them up. 0 or -1 (memory). */
int joinprobe_batch(struct joinprobe *p, const struct select_record *recs,
                    size_t n, struct err *e);

/* What becomes of record i of the batch. res borrows until the next call. 0 or
 * -1 (memory). */
int joinprobe_result(struct joinprobe *p, size_t i,
                     struct joinprobe_result *res, struct err *e);

void joinprobe_free(struct joinprobe *p);

#endif
