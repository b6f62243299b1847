/* The reference: its records by key, in memory or on disk. */
#include "join/join.h"

#include "json/key.h"

#include <stdlib.h>

/* ---- options ---- */

/* One path, by the rules of lists: a comma in a pointer is ~2. */
static int parse_path(struct path *p, struct str text, struct err *e)
{
    struct path *list;
    size_t n;
    if (path_list_parse(&list, &n, str_trim(text), e))
        return -1;
    *p = list[0];
    for (size_t i = 1; i < n; i++) /* there is no comma: never */
        path_free(&list[i]);
    free(list);
    return 0;
}

/* "field" or "field=reference_field". */
static int parse_pair(struct str text, struct path *ours, struct path *other,
                      struct err *e)
{
    const char *eq = memchr(text.p, '=', text.n);
    struct str left = { text.p, eq ? (size_t)(eq - text.p) : text.n };
    struct str right = eq ? (struct str){ eq + 1, text.n - left.n - 1 } : left;
    *other = (struct path){ 0 };
    return parse_path(ours, left, e) || parse_path(other, right, e) ? -1 : 0;
}

static int add_key(struct join *j, struct str text, struct err *e)
{
    struct path *key = realloc(j->key, (j->n_key + 1) * sizeof(*key));
    if (key)
        j->key = key;
    struct path *other = realloc(j->other, (j->n_key + 1) * sizeof(*other));
    if (other)
        j->other = other;
    if (!key || !other)
        return err_nomem(e);
    struct path *k = &key[j->n_key], *o = &other[j->n_key];
    *k = *o = (struct path){ 0 };
    j->n_key++;
    return parse_pair(text, k, o, e);
}

static int add_keys(struct join *j, const char *list, struct err *e)
{
    struct str rest = str_of(list);
    for (;;) {
        const char *comma = memchr(rest.p, ',', rest.n);
        size_t n = comma ? (size_t)(comma - rest.p) : rest.n;
        if (add_key(j, (struct str){ rest.p, n }, e))
            return -1;
        if (!comma)
            return 0;
        rest = (struct str){ comma + 1, rest.n - n - 1 };
    }
}

static int open_select(struct join *j, struct err *e)
{
    j->select = select_new();
    j->vals = calloc(j->n_key + 1, sizeof(*j->vals));
    if (!j->select || !j->vals)
        return err_nomem(e);
    for (size_t i = 0; i < j->n_key; i++) {
        int slot = select_add(j->select, &j->other[i]);
        if (slot < 0)
            return err_nomem(e);
        if ((size_t)slot != i)
            return err_set(e, ERR_USAGE,
                           "key field '%.*s' of the reference is given twice",
                           STR_ARG(j->other[i].text));
    }
    if (!j->spec.as_of)
        return 0;
    int slot = select_add(j->select, &j->other_time);
    if (slot < 0)
        return err_nomem(e);
    return (size_t)slot == j->n_key
               ? 0
               : err_set(e, ERR_USAGE, "--as-of: '%s' is a key field",
                         j->spec.as_of);
}

int join_open(struct join *j, const struct join_spec *spec, struct err *e)
{
    j->spec = *spec;
    j->budget.max = spec->memory;
    jointable_init(&j->table, spec->multi, spec->as_of != NULL, &j->budget);
    for (size_t i = 0; i < spec->n_keys; i++)
        if (add_keys(j, spec->keys[i], e))
            return -1;
    if (spec->as_of &&
        parse_pair(str_of(spec->as_of), &j->time, &j->other_time, e))
        return -1;
    if (open_select(j, e))
        return -1;
    return joinrow_init(&j->row, spec->fields, spec->n_fields, spec->prefix,
                        spec->nest, j->other, j->n_key, e);
}

/* ---- on disk ---- */

static int spill_row(struct join *j, uint64_t hash, struct str key,
                     struct str row, const struct jointime *time, struct err *e)
{
    struct join_item head = { hash, *time, (uint32_t)key.n };
    struct buf *b = &j->scratch;
    buf_reset(b);
    buf_add(b, &head, sizeof(head));
    buf_add_str(b, key);
    buf_add_str(b, row);
    if (b->failed)
        return err_nomem(e);
    return spill_add(&j->parts, spill_part_of(&j->parts, hash, 0), 0,
                     buf_str(b), e);
}

void join_item_read(struct str item, struct join_item *head, struct str *key,
                    struct str *row)
{
    memcpy(head, item.p, sizeof(*head));
    *key = (struct str){ item.p + sizeof(*head), head->key_n };
    *row = (struct str){ key->p + key->n, item.n - sizeof(*head) - key->n };
}

/* Takes the rows to disk, and lets the table go. */
static int begin_spill(struct join *j, struct err *e)
{
    size_t at = 0;
    struct str key, row;
    struct jointime time = { 0, 0 };
    if (spill_init(&j->parts, j->spec.memory, j->spec.tmpdir, e))
        return -1;
    j->spills = true;
    while (jointable_next(&j->table, &at, &key, &row, &time))
        if (spill_row(j, jointable_hash(&j->table, key), key, row, &time, e))
            return -1;
    jointable_free(&j->table);
    return 0;
}

/* ---- records ---- */

/* Which of the two kinds of times a reference has, its first one says. */
static int note_time(struct join *j, const struct jointime *t, struct err *e)
{
    bool instant = t->scale == JOINTIME_INSTANT;
    j->instants |= instant;
    j->numbers |= !instant;
    if (j->instants && j->numbers)
        return err_set(e, ERR_DATA,
                       "reference has numbers and instants in '%.*s'",
                       STR_ARG(j->other_time.text));
    if (j->numbers && j->spec.max_us)
        return err_set(e, ERR_USAGE,
                       "--as-of-max is for instants, and '%.*s' of the "
                       "reference is a number",
                       STR_ARG(j->other_time.text));
    return 0;
}

/* 1 with the time read, 0 where there is none. */
static int take_time(struct join *j, struct jointime *t, struct err *e)
{
    const struct val *v = &j->vals[j->n_key];
    switch (jointime_read(*v, j->spec.tz, &j->scratch, t)) {
    case JOINTIME_OK: return note_time(j, t, e) ? -1 : 1;
    case JOINTIME_NONE: return 0;
    case JOINTIME_BAD:
        return err_set(e, ERR_DATA, "reference: '%.*s' is no time: %.*s",
                       STR_ARG(j->other_time.text),
                       (int)(v->raw.n < 100 ? v->raw.n : 100), v->raw.p);
    case JOINTIME_NO_MEMORY: break;
    }
    return err_nomem(e);
}

/* 1 with the key in key_bytes, 0 where it has none. */
static int take_key(struct join *j, struct err *e)
{
    buf_reset(&j->key_bytes);
    for (size_t i = 0; i < j->n_key; i++) {
        if (j->vals[i].type <= JSON_NULL)
            return 0;
        int r = key_add(&j->key_bytes, j->vals[i]);
        if (r == -1)
            return err_nomem(e);
        if (r)
            return err_set(e, ERR_DATA, "reference: '%.*s' cannot be a key: %s",
                           STR_ARG(j->other[i].text),
                           r == -2 ? "a number out of range"
                                   : "a value too deep");
    }
    return 1;
}

static int add_row(struct join *j, const struct jointime *time, struct err *e)
{
    struct str key = buf_str(&j->key_bytes), row = buf_str(&j->row_bytes);
    uint64_t hash = jointable_hash(&j->table, key);
    if (!j->spills) {
        if (jointable_add(&j->table, hash, key, row, time, e) == 0)
            return 0;
        if (!j->budget.refused)
            return -1;
        *e = (struct err){ 0 };
        if (begin_spill(j, e))
            return -1;
    }
    return spill_row(j, hash, key, row, time, e);
}

int join_add(struct join *j, struct str record, struct err *e)
{
    struct jointime time = { 0, 0 };
    j->records++;
    if (select_run(j->select, record, j->vals))
        return err_set(e, ERR_DATA, "reference record is not JSON");
    int r = take_key(j, e);
    if (r == 1 && j->spec.as_of)
        r = take_time(j, &time, e);
    j->keyless += r == 0;
    if (r <= 0)
        return r;
    buf_reset(&j->row_bytes);
    if (joinrow_make(&j->row, record, &j->row_bytes, e))
        return -1;
    return add_row(j, &time, e);
}

int join_ready(struct join *j, struct err *e)
{
    if (j->records && j->keyless == j->records)
        return err_set(e, ERR_DATA,
                       "no record of the reference has the key '%s'",
                       j->other[0].text.p);
    if (j->spills || jointable_freeze(&j->table, e) == 0)
        return 0;
    if (!j->budget.refused)
        return -1;
    *e = (struct err){ 0 };
    return begin_spill(j, e);
}

void join_free(struct join *j)
{
    path_list_free(j->key, j->n_key);
    path_list_free(j->other, j->n_key);
    path_free(&j->time);
    path_free(&j->other_time);
    joinrow_free(&j->row);
    jointable_free(&j->table);
    select_free(j->select);
    free(j->vals);
    buf_free(&j->key_bytes);
    buf_free(&j->row_bytes);
    buf_free(&j->scratch);
    if (j->spills)
        spill_free(&j->parts);
    *j = (struct join){ 0 };
}
