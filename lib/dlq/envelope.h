/* envelope: a dead letter, or a mark that closes some, as a line of text; and
 * back. dlq.h describes both. */
#ifndef DLQ_ENVELOPE_H
#define DLQ_ENVELOPE_H

#include "base/hash.h"
#include "dlq/dlq.h"
#include "json/value.h"

/* Hash of what a letter is known by, without the occurrence in the run; and
 * the id of the letter that is the n-th of them (from 1). */
struct hash128 envelope_subject(const struct dlq_letter *l);
struct hash128 envelope_id(const struct dlq_letter *l, uint64_t occurrence);

/* Reads 32 hex digits. 0 or -1. */
int envelope_parse_id(struct hash128 *id, struct str hex);

/* Appends an RFC 3339 time in UTC with six digits of a second. */
int envelope_time(struct buf *out, int64_t us);

/* What the writer adds to a letter. */
struct envelope_facts {
    struct hash128 id;
    int64_t us;
    uint64_t attempt;
    const char *cwd;   /* NULL: not known */
    struct str source; /* raw JSON object that stands for the letter's own
                          source; empty: none */
    struct str edits;  /* raw JSON array: what was edited before; empty: none */
};

/* Appends l as a line with LF. 0, or -1 if out failed. */
int envelope_write(struct buf *out, const struct dlq_letter *l,
                   const struct envelope_facts *f);

/* Appends the members source and errors alone, each behind a comma. 0, or -1
 * if out failed. */
int envelope_origin(struct buf *out, const struct dlq_letter *l);

/* Appends the letters of one id, written at n times, to those that a mark
 * names; then the mark itself, as a line with LF; run is the folder of a run,
 * or empty. 0, or -1 if out failed. */
int envelope_mark_letter(struct buf *out, struct hash128 id, const int64_t *of,
                         size_t n);
int envelope_write_mark(struct buf *out, enum dlq_marks mark, struct str run_id,
                        struct str run, int64_t us, struct str letters);

struct envelope;

/* Appends v once more, with other bytes, as a line with LF. 0; -1 if out
 * failed. */
int envelope_write_edit(struct buf *out, const struct envelope *v,
                        const struct dlq_edit *d, int64_t us);

/* A line read back: members as they stand, MISSING where they are not there;
 * all borrows from the line. */
struct envelope {
    struct str text;
    struct hash128 id; /* of a letter */
    int64_t us;        /* ts */
    uint64_t attempt;  /* 0 for a mark */
    int64_t base_us;   /* of a line that edit wrote: the ts of the one that was
                          edited; else 0 */
    enum dlq_marks kind; /* of a mark */
    struct val ts, id_text, pipeline, run_id, stage, argv, argv_b64, cwd,
        cwd_b64, env, class, source, context, errors, raw, raw_b64, raw_length,
        edit_of, edits, mark, run, of;
};

/* Takes a line apart (without its LF). Returns 0, or -1 where it is neither a
 * letter nor a mark of a version that is known. */
int envelope_parse(struct envelope *v, struct str line);

/* What tells a letter from all other lines: its id and its time. */
struct hash128 envelope_line_key(struct hash128 id, int64_t us);

/* The letters that a mark closes, one by one:
 *     struct envelope_of of = envelope_of(&v);
 *     while (envelope_next_of(&of)) ... of.id, of.us ... */
struct envelope_of {
    struct hash128 id;
    int64_t us;
    struct json_iter ids, times;
};
struct envelope_of envelope_of(const struct envelope *mark);
bool envelope_next_of(struct envelope_of *of);

/* Appends the exact bytes of raw. 0; -1 if out failed; -2 where there is no
 * raw or it is not base64. */
int envelope_raw(struct buf *out, const struct envelope *v);

#endif
