/* pipe-dedup: keep one record of each key. */
#include "json/pointer.h"
#include "stage/stage.h"
#include "table/fieldkey.h"
#include "table/keyset.h"
#include "table/spool.h"
#include "table/wordset.h"

static struct opt_list key_lists;
static const char *keep = "first", *null_key = "reject";
static const char *duplicates, *tmpdir = "/tmp";
static uint64_t memory;

static const char *const keeps[] = { "first", "last", NULL };
static const char *const null_keys[] = { "reject", "pass", "group", NULL };

static const struct opt opts[] = {
    { OPT_LIST, 'k', "key", "FIELD[,FIELD...]", &key_lists,
      "fields that make the key, repeatable; default the whole record by value",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "keep", "WHICH", &keep,
      "which record of a key to keep; default first", keeps, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "null-key", "HOW", &null_key,
      "what becomes of a record with a null or missing key part; default "
      "reject",
      null_keys, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "duplicates", "FILE", &duplicates,
      "write the dropped records to FILE, which appears whole or not at all",
      NULL, 0, 0, 0, COMPLETE_FILE, NULL },
    { OPT_SIZE, 0, "memory", "SIZE", &memory,
      "fail where the keys need more than SIZE; default half of the machine's",
      NULL, 1 << 20, 0, 0, COMPLETE_NONE, "PIPE_MEMORY" },
    { OPT_STRING, 0, "tmpdir", "DIR", &tmpdir,
      "where --keep last sets records aside; default /tmp", NULL, 0, 0, 0,
      COMPLETE_DIR, "TMPDIR" },
    { 0 }
};

static const struct command command = {
    .name = "pipe-dedup",
    .summary = "keep the first or last record of each key",
    .usage = "[OPTION...] [-k FIELD[,FIELD...]]",
    .opts = opts,
    .flags = STAGE_EMITS | STAGE_READS | STAGE_REJECTS | STAGE_AHEAD,
};

/* A record of the batch and its key. */
struct keyed {
    enum fieldkey_result result;
    size_t part;         /* the field that result is about */
    enum json_type type; /* of that field */
    uint64_t word;       /* the hash of the key's word; 0: it has none, and */
    size_t at, n;        /* these are its bytes, in fieldkey.key, */
    struct hash128 hash; /* and their hash */
};

struct dedup {
    struct fieldkey key;
    struct keyed batch[STAGE_BATCH];
    struct budget budget;
    struct wordset words; /* keys seen: those that have words, */
    struct keyset seen;   /* and the others */
    struct region last;   /* --keep last: uint64_t a key, place in the spool */
    struct spool spool;
    struct output dropped; /* --duplicates */
    struct buf pointer;
};

/* The number of a record that has no key and is passed on. */
#define UNJUDGED UINT32_MAX

static int open_dropped(struct stage *st, struct dedup *d)
{
    struct buf path = { .max = 65536 };
    int r = stage_expand(st, &path, duplicates);
    if (r == 0)
        r = buf_z(&path) ? output_file(&d->dropped, path.p, &st->err)
                         : err_nomem(&st->err);
    buf_free(&path);
    return r;
}

static int prepare(struct stage *st, struct dedup *d)
{
    d->budget.max = memory ? memory : budget_default();
    if (fieldkey_init(&d->key, key_lists.v, key_lists.n, &st->err))
        return -1;
    if (duplicates && open_dropped(st, d))
        return -1;
    if (*keep == 'l') {
        keyset_init(&d->seen, &d->budget); /* by number the last is kept */
        return spool_open(&d->spool, tmpdir, &st->err);
    }
    return fieldkey_use_words(&d->key, &st->err);
}

static int reject(struct stage *st, struct dedup *d, const struct record *rec,
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

/* Keys the n records of a batch and sends for where the keys will be looked
 * up: a table larger than the caches is waited for once a batch. */
static int key_batch(struct stage *st, struct dedup *d,
                     const struct record *recs, size_t n)
{
    buf_reset(&d->key.key);
    for (size_t i = 0; i < n; i++) {
        struct keyed *k = &d->batch[i];
        k->at = d->key.key.n;
        if (fieldkey_make(&d->key, recs[i].text, recs[i].shaped, &k->result,
                          &k->part, &st->err))
            return -1;
        if (k->result == FIELDKEY_NULL)
            k->type = fieldkey_type(&d->key, k->part);
        k->word = 0;
        if (d->key.word) {
            k->word = wordset_hash(&d->words, d->key.word);
            wordset_prefetch(&d->words, k->word);
            continue;
        }
        k->n = d->key.key.n - k->at;
        k->hash =
            keyset_hash(&d->seen, (struct str){ d->key.key.p + k->at, k->n });
        keyset_prefetch(&d->seen, k->hash);
    }
    for (size_t i = 0; i < n; i++)
        if (!d->batch[i].word)
            keyset_prefetch_key(&d->seen, d->batch[i].hash);
    return 0;
}

/* Finds the number of the record's key: 1 with *is_new set, 0 where the record
 * was rejected, -1. */
static int number_record(struct stage *st, struct dedup *d,
                         const struct record *rec, const struct keyed *k,
                         uint32_t *number, bool *is_new)
{
    if (k->result == FIELDKEY_NULL && *null_key == 'p') {
        *number = UNJUDGED;
        *is_new = true;
        return 1;
    }
    if (k->result > FIELDKEY_NULL ||
        (k->result == FIELDKEY_NULL && *null_key == 'r'))
        return reject(st, d, rec, k);
    struct str key = { d->key.key.p + k->at, k->n };
    int r = k->word ? wordset_insert(&d->words, k->word, &st->err)
                    : keyset_insert(&d->seen, k->hash, key, number, &st->err);
    *is_new = r == 1;
    return r < 0 ? -1 : 1;
}

static int drop(struct stage *st, struct dedup *d, struct str text)
{
    if (!duplicates)
        return 0;
    return output_write(&d->dropped, text, &st->err) ||
                   output_write(&d->dropped, STR("\n"), &st->err)
               ? -1
               : 0;
}

/* Sets a record aside and notes that it is its key's last so far. */
static int set_aside(struct stage *st, struct dedup *d, uint32_t number,
                     bool is_new, struct str text)
{
    uint64_t at;
    if (spool_add(&d->spool, number, text, &at, &st->err))
        return -1;
    if (number == UNJUDGED)
        return 0;
    if (is_new)
        return region_add(&d->last, &at, sizeof(at), &st->err);
    ((uint64_t *)(void *)d->last.p)[number] = at;
    return 0;
}

/* Emits what was the last of its key, in order. */
static int emit_last(struct stage *st, struct dedup *d)
{
    uint32_t number;
    struct str text;
    uint64_t at;
    int r;
    if (stage_settle(st) || spool_rewind(&d->spool, &st->err))
        return -1;
    const uint64_t *last = (const uint64_t *)(void *)d->last.p;
    while ((r = spool_next(&d->spool, &number, &text, &at, &st->err)) == 1) {
        bool kept = number == UNJUDGED || last[number] == at;
        if (stage_tick(st) || (kept ? stage_emit(st, text) : drop(st, d, text)))
            return -1;
    }
    return r;
}

/* One record whose key is known. */
static int judge(struct stage *st, struct dedup *d, const struct record *rec,
                 const struct keyed *k)
{
    uint32_t number;
    bool is_new;
    int r = number_record(st, d, rec, k, &number, &is_new);
    if (r <= 0)
        return r;
    st->counts.duplicates += !is_new;
    if (*keep == 'f' && is_new)
        return stage_pass_record(st, rec);
    st->counts.out += is_new;
    return *keep == 'l' ? set_aside(st, d, number, is_new, rec->text)
                        : drop(st, d, rec->text);
}

static int dedup(struct stage *st, struct dedup *d)
{
    static struct record recs[STAGE_BATCH];
    int n;
    while ((n = stage_next_batch(st, recs)) > 0) {
        if (key_batch(st, d, recs, (size_t)n))
            return -1;
        for (int i = 0; i < n; i++)
            if (judge(st, d, &recs[i], &d->batch[i]))
                return -1;
    }
    if (n == 0 && *keep == 'l')
        n = emit_last(st, d);
    /* The side file appears only if the stage is going to end well. */
    if (n == 0 && duplicates)
        n = stage_settle(st) || output_commit(&d->dropped, &st->err) ? -1 : 0;
    return n;
}

int main(int argc, char **argv)
{
    struct stage st;
    struct dedup d = { .spool.fd = -1,
                       .spool.out.fd = -1,
                       .dropped.fd = -1,
                       .last.budget = &d.budget };
    wordset_init(&d.words, &d.budget);
    keyset_init_unnumbered(&d.seen, &d.budget);
    if (stage_start(&st, &command, argc, argv) == 0 && prepare(&st, &d) == 0)
        dedup(&st, &d);
    fieldkey_free(&d.key);
    wordset_free(&d.words);
    keyset_free(&d.seen);
    region_free(&d.last);
    spool_close(&d.spool);
    output_close(&d.dropped);
    buf_free(&d.pointer);
    return stage_finish(&st);
}
