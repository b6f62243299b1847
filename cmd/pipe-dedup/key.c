/* The keys of a batch, and records that have none. */
#include "dedup.h"

#include "json/pointer.h"

static struct str key_bytes(const struct dedup *d, const struct keyed *k)
{
    return (struct str){ d->key.key.p + k->at, k->n };
}

int key_batch(struct dedup *d, const struct record *recs, size_t n)
{
    buf_reset(&d->key.key);
    for (size_t i = 0; i < n; i++) {
        struct keyed *k = &d->batch[i];
        k->at = d->key.key.n;
        if (fieldkey_make(&d->key, recs[i].text, recs[i].shaped, &k->result,
                          &k->part, &d->st->err))
            return -1;
        if (k->result == FIELDKEY_NULL)
            k->type = fieldkey_type(&d->key, k->part);
        if (d->key.looks)
            k->value = d->key.vals[d->also];
        k->word = 0;
        if (d->key.word) {
            k->word = wordset_hash(&d->words, d->key.word);
            wordset_prefetch(&d->words, k->word);
            continue;
        }
        k->n = d->key.key.n - k->at;
        if (d->o.error > 0) {
            k->hash = bloom_hash(&d->bloom, key_bytes(d, k));
            bloom_prefetch(&d->bloom, k->hash);
            continue;
        }
        k->hash = keyset_hash(d->keys, key_bytes(d, k));
        keyset_prefetch(d->keys, k->hash);
    }
    for (size_t i = 0; i < n && d->o.error == 0; i++)
        if (!d->batch[i].word)
            keyset_prefetch_key(d->keys, d->batch[i].hash);
    return 0;
}

static int reject(struct dedup *d, const struct record *rec,
                  const struct keyed *k)
{
    static const char *const codes[] = {
        [FIELDKEY_NULL] = "null_key",
        [FIELDKEY_RANGE] = "number_range",
        [FIELDKEY_DEEP] = "too_deep",
        [FIELDKEY_NO_JSON] = "not_json",
    };
    static const char *const messages[] = {
        [FIELDKEY_RANGE] = "number outside the range in which keys compare",
        [FIELDKEY_DEEP] = "value too deep to be compared",
        [FIELDKEY_NO_JSON] = "not JSON",
    };
    struct stage *st = d->st;
    buf_reset(&d->pointer);
    if (k->part < d->key.n)
        pointer_add(&d->pointer, &d->key.paths[k->part]);
    const char *path = buf_z(&d->pointer);
    if (!path)
        return err_nomem(&st->err);
    if (k->result != FIELDKEY_NULL)
        return stage_rejectf(st, rec, codes[k->result], path, "%s",
                             messages[k->result]);
    return stage_rejectf(st, rec, codes[k->result], path, "key field is %s",
                         json_type_name(k->type));
}

int key_check(struct dedup *d, const struct record *rec, const struct keyed *k)
{
    if (k->result == FIELDKEY_OK)
        return 1;
    if (k->result == FIELDKEY_NULL && d->o.null_key != NULL_REJECT)
        return d->o.null_key == NULL_PASS ? 2 : 1;
    return reject(d, rec, k);
}
