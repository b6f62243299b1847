/* What becomes of a record. */
#include "dedup.h"

int drop(struct dedup *d, struct str text)
{
    struct err *e = &d->st->err;
    d->st->counts.duplicates++;
    if (!d->o.duplicates)
        return 0;
    return output_write(&d->dropped, text, e) ||
                   output_write(&d->dropped, STR("\n"), e)
               ? -1
               : 0;
}

static struct str key_of(const struct dedup *d, const struct keyed *k)
{
    return (struct str){ d->key.key.p + k->at, k->n };
}

/* The key as bytes, also where it has a word. */
static int spell(struct dedup *d, const struct record *rec,
                 const struct keyed *k, struct str *key)
{
    enum fieldkey_result ignored;
    size_t part, at = d->key.key.n;
    *key = key_of(d, k);
    if (!k->word)
        return 0;
    if (fieldkey_make_bytes(&d->key, rec->text, rec->shaped, &ignored, &part,
                            &d->st->err))
        return -1;
    *key = (struct str){ d->key.key.p + at, d->key.key.n - at };
    return 0;
}

/* ---- --keep first: while there is room, records pass as they come */

/* 1 where the key is new, 0 where it was seen, -1; 2 where there is no room. */
static int first_insert(struct dedup *d, const struct keyed *k)
{
    struct err *e = &d->st->err;
    uint32_t number;
    int r = k->word
                ? wordset_insert(&d->words, k->word, e)
                : keyset_insert(&d->seen, k->hash, key_of(d, k), &number, e);
    if (r >= 0 || e->code != ERR_CONFIG)
        return r;
    *e = (struct err){ 0 };
    return 2;
}

static bool first_seen(const struct dedup *d, const struct keyed *k)
{
    uint32_t number;
    return k->word ? wordset_find(&d->words, k->word)
                   : keyset_find(&d->seen, k->hash, key_of(d, k), &number);
}

/* From where the tables are full: a key that is in them was seen; of the others
 * the contest will say which record was the first. All that is not dropped at
 * once waits, so that the order stays; with --duplicates all does. */
static int first_aside(struct dedup *d, const struct record *rec,
                       const struct keyed *k)
{
    struct str key;
    uint64_t number;
    if (first_seen(d, k))
        return d->o.duplicates ? aside_add(d, FATE_GOES, rec->text, &number)
                               : drop(d, rec->text);
    return spell(d, rec, k, &key) ||
                   aside_add(d, FATE_OPEN, rec->text, &number) ||
                   contest_defer(&d->contest, key, number, k->value,
                                 &d->st->err)
               ? -1
               : 0;
}

static int first(struct dedup *d, const struct record *rec,
                 const struct keyed *k)
{
    if (!d->aside) {
        int r = first_insert(d, k);
        if (r == 1)
            return stage_pass_record(d->st, rec);
        if (r <= 0)
            return r < 0 ? -1 : drop(d, rec->text);
        if (aside_begin(d))
            return -1;
    }
    return first_aside(d, rec, k);
}

/* ---- --state: the tables spare the file what comes again in this run */

static int with_state(struct dedup *d, const struct record *rec,
                      const struct keyed *k)
{
    struct str key;
    int r = d->full ? 2 : first_insert(d, k);
    d->full = r == 2;
    if (r == 2 && first_seen(d, k))
        r = 0;
    if (r > 0)
        r = spell(d, rec, k, &key)
                ? -1
                : seen_add(&d->seen_keys, key, d->now_us, &d->st->err);
    if (r < 0)
        return -1;
    return r ? stage_pass_record(d->st, rec) : drop(d, rec->text);
}

/* ---- --approx */

static int approx(struct dedup *d, const struct record *rec,
                  const struct keyed *k)
{
    int r = bloom_add(&d->bloom, k->hash, &d->st->err);
    if (r < 0)
        return -1;
    return r ? stage_pass_record(d->st, rec) : drop(d, rec->text);
}

/* ---- the others: nothing is known before the end */

static int best(struct dedup *d, const struct record *rec,
                const struct keyed *k)
{
    uint64_t number;
    return aside_add(d, FATE_OPEN, rec->text, &number) ||
                   contest_enter(&d->contest, k->hash, key_of(d, k), number,
                                 k->value, &d->st->err)
               ? -1
               : 0;
}

int judge(struct dedup *d, const struct record *rec, const struct keyed *k)
{
    uint64_t number;
    if (d->o.window_ms)
        return window_judge(d, rec, k);
    int r = key_check(d, rec, k);
    if (r <= 0)
        return r;
    if (r == 2)
        return d->aside ? aside_add(d, FATE_STAYS, rec->text, &number)
                        : stage_pass_record(d->st, rec);
    if (d->o.state)
        return with_state(d, rec, k);
    if (d->o.error > 0)
        return approx(d, rec, k);
    return d->o.keep == CONTEST_FIRST ? first(d, rec, k) : best(d, rec, k);
}
