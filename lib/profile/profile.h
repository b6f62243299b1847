/* profile: what a stream is made of, field by field, in one pass.
 *
 *     p = profile_new(&limits, e);
 *     per batch:  profile_take(p, records, n, e);
 *     at the end: profile_end(p, e); summary_fill(&s, p, baseline, e);
 *     profile_free(p);
 *
 * Not thread-safe. */
#ifndef PROFILE_PROFILE_H
#define PROFILE_PROFILE_H

#include "json/select.h"
#include "profile/fields.h"
#include "profile/walk.h"
#include "table/slots.h"

#define PROFILE_FIELDS_DEFAULT 1000
#define PROFILE_FIELDS_MOST 100000
#define PROFILE_MEMORY_DEFAULT ((size_t)256 << 20)

struct profile_limits {
    size_t fields; /* told apart at most */
    size_t memory; /* bytes that values may take, about: beyond it sketches come
                      earlier, and no more fields */
    bool twins;    /* also count records that are the same as another, byte by
                      byte */
};

struct profile {
    struct profile_limits limits;
    struct budget budget;
    struct fields fields;
    struct walk walk;
    uint64_t records, bytes; /* bytes with a line feed each */
    struct slots seen;       /* hashes of records */
    bool seen_all;           /* there was room for all of them */
    uint64_t twins;          /* records that came before */
};

/* Returns owned, freed with profile_free; NULL with e. */
struct profile *profile_new(const struct profile_limits *limits, struct err *e);
void profile_free(struct profile *p);

/* Takes n records. 0; or -1 with e: memory, or ERR_DATA for what is not JSON
 * (only where nobody checked). */
int profile_take(struct profile *p, const struct select_record *recs, size_t n,
                 struct err *e);

/* Ends the taking. 0 or -1 with e. */
int profile_end(struct profile *p, struct err *e);

#endif
