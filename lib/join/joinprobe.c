/* The stream: the keys of records, a batch at a time, and what they become. */
#include "json/key.h"
#include "json/pointer.h"
#include "json/splice.h"
#include "join/join.h"

#include <stdlib.h>

const char *const joinprobe_codes[] = {
    [JOINPROBE_NOT_JSON] = "not_json",    [JOINPROBE_RANGE] = "number_range",
    [JOINPROBE_DEEP] = "too_deep",        [JOINPROBE_TIME] = "time",
    [JOINPROBE_SEVERAL] = "many_matches", [JOINPROBE_EXISTS] = "field_exists",
    [JOINPROBE_LONG] = "too_long",
};

#define TYPE(type) (1U << (type))

/* ---- set up ---- */

static int add_slot(struct joinprobe *p, const struct path *path, size_t *slot,
                    struct err *e)
{
    int got = select_add(p->select, path);
    if (got < 0)
        return err_nomem(e);
    *slot = (size_t)got;
    return 0;
}

static int add_names(struct joinprobe *p, struct err *e)
{
    size_t n = joinrow_names(&p->j->row);
    p->names = calloc(n + 1, sizeof(*p->names));
    p->name_slot = calloc(n + 1, sizeof(*p->name_slot));
    if (!p->names || !p->name_slot)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++) {
        buf_reset(&p->pointer);
        if (path_pointer(&p->pointer, joinrow_name(&p->j->row, i)))
            return err_nomem(e);
        if (path_parse(&p->names[i], buf_str(&p->pointer), e))
            return -1;
        p->n_names++;
        if (add_slot(p, &p->names[i], &p->name_slot[i], e))
            return -1;
    }
    return 0;
}

int joinprobe_init(struct joinprobe *p, const struct join *j,
                   const struct jointable *table, struct err *e)
{
    p->j = j;
    p->table = table;
    p->select = select_new();
    p->slot = calloc(j->n_key + 1, sizeof(*p->slot));
    if (!p->select || !p->slot)
        return err_nomem(e);
    for (size_t i = 0; i < j->n_key; i++)
        if (add_slot(p, &j->key[i], &p->slot[i], e))
            return -1;
    if (j->spec.as_of && add_slot(p, &j->time, &p->slot[j->n_key], e))
        return -1;
    if (add_names(p, e))
        return -1;
    return select_batch_init(&p->picked, p->select, 0) ? err_nomem(e) : 0;
}

void joinprobe_free(struct joinprobe *p)
{
    select_free(p->select);
    select_batch_free(&p->picked);
    free(p->slot);
    free(p->name_slot);
    path_list_free(p->names, p->n_names);
    buf_free(&p->keys);
    buf_free(&p->out);
    buf_free(&p->spare);
    buf_free(&p->row);
    buf_free(&p->pointer);
    buf_free(&p->message);
    buf_free(&p->scratch);
    *p = (struct joinprobe){ 0 };
}

/* ---- keys ---- */

static const struct val *val_of(const struct joinprobe *p, size_t slot,
                                size_t i)
{
    return &p->picked.vals[slot * SELECT_BATCH + i];
}

static void set_bad(struct joinprobe_key *k, enum joinprobe_fault fault,
                    const struct path *at)
{
    k->state = JOINPROBE_BAD;
    k->fault = fault;
    k->at = at;
}

static int make_key(struct joinprobe *p, struct joinprobe_key *k, size_t i,
                    struct err *e)
{
    const struct join *j = p->j;
    k->state = JOINPROBE_KEYED;
    k->from = p->keys.n;
    for (size_t part = 0; part < j->n_key; part++) {
        const struct val *v = val_of(p, p->slot[part], i);
        int r = v->type > JSON_NULL ? key_add(&p->keys, *v) : 0;
        if (r == -1)
            return err_nomem(e);
        if (r) {
            set_bad(k, r == -2 ? JOINPROBE_RANGE : JOINPROBE_DEEP,
                    &j->key[part]);
            return 0;
        }
        if (v->type <= JSON_NULL)
            k->state = JOINPROBE_KEYLESS;
    }
    k->n = p->keys.n - k->from;
    return 0;
}

static int make_time(struct joinprobe *p, struct joinprobe_key *k, size_t i,
                     struct err *e)
{
    const struct join *j = p->j;
    const struct val *v = val_of(p, p->slot[j->n_key], i);
    enum jointime_result r =
        jointime_read(*v, j->spec.tz, &p->scratch, &k->time);
    if (r == JOINTIME_NO_MEMORY)
        return err_nomem(e);
    bool instant = r == JOINTIME_OK && k->time.scale == JOINTIME_INSTANT;
    if (r == JOINTIME_NONE)
        k->state = JOINPROBE_KEYLESS;
    else if (r == JOINTIME_BAD || (instant ? j->numbers : j->instants))
        set_bad(k, JOINPROBE_TIME, &j->time);
    return 0;
}

static int make_keys(struct joinprobe *p, size_t n, uint64_t broken,
                     struct err *e)
{
    buf_reset(&p->keys);
    for (size_t i = 0; i < n; i++) {
        struct joinprobe_key *k = &p->batch[i];
        if (broken >> i & 1) {
            set_bad(k, JOINPROBE_NOT_JSON, NULL);
            continue;
        }
        if (make_key(p, k, i, e) ||
            (p->j->spec.as_of && k->state == JOINPROBE_KEYED &&
             make_time(p, k, i, e)))
            return -1;
        if (k->state != JOINPROBE_KEYED)
            continue;
        k->hash =
            jointable_hash(p->table, (struct str){ p->keys.p + k->from, k->n });
        jointable_prefetch(p->table, k->hash);
    }
    return 0;
}

int joinprobe_batch(struct joinprobe *p, const struct select_record *recs,
                    size_t n, struct err *e)
{
    p->recs = recs;
    uint64_t broken = select_pick_batch(p->select, recs, n, &p->picked);
    if (make_keys(p, n, broken, e))
        return -1;
    for (size_t i = 0; i < n; i++)
        if (p->batch[i].state == JOINPROBE_KEYED)
            jointable_prefetch_row(p->table, p->batch[i].hash);
    for (size_t i = 0; i < n; i++) {
        struct joinprobe_key *k = &p->batch[i];
        k->first = NULL;
        if (k->state == JOINPROBE_KEYED)
            k->first = jointable_find(
                p->table, k->hash, (struct str){ p->keys.p + k->from, k->n });
    }
    p->some_exist = false;
    for (size_t i = 0; i < p->n_names; i++)
        if (p->picked.types[p->name_slot[i]] & ~TYPE(JSON_MISSING))
            p->some_exist = true;
    return 0;
}

/* ---- results ---- */

static int set_fault(struct joinprobe *p, struct joinprobe_result *res,
                     enum joinprobe_fault fault, const struct path *at,
                     const char *message, struct err *e)
{
    res->kind = JOINPROBE_FAULT;
    res->fault = fault;
    buf_reset(&p->pointer);
    buf_reset(&p->message);
    if ((at && pointer_add(&p->pointer, at)) || buf_addz(&p->message, message))
        return err_nomem(e);
    res->path = buf_str(&p->pointer);
    res->message = buf_str(&p->message);
    return 0;
}

static int fault_of(struct joinprobe *p, const struct joinprobe_key *k,
                    struct joinprobe_result *res, struct err *e)
{
    static const char *const messages[] = {
        [JOINPROBE_NOT_JSON] = "not JSON",
        [JOINPROBE_RANGE] = "number outside the range in which keys compare",
        [JOINPROBE_DEEP] = "value too deep to be compared",
        [JOINPROBE_TIME] = "not an instant",
    };
    const char *message = k->fault == JOINPROBE_TIME && p->j->numbers
                              ? "not a number of at most 18 digits"
                              : messages[k->fault];
    return set_fault(p, res, k->fault, k->at, message, e);
}

/* Does record i have a field of a name that may be added? */
static bool has_names(const struct joinprobe *p, size_t i)
{
    for (size_t n = 0; n < p->n_names; n++)
        if (val_of(p, p->name_slot[n], i)->type != JSON_MISSING)
            return true;
    return false;
}

/* The text of a record that is no longer than it looks: its closing brace is
 * its last byte, and right behind the last member. */
static size_t short_head(struct str text)
{
    return text.n > 2 && text.p[text.n - 1] == '}' &&
                   (unsigned char)text.p[text.n - 2] > ' '
               ? text.n - 1
               : 0;
}

/* Appends record with the members of row, which begins with a comma. */
static void append(struct buf *out, struct str record, struct str row)
{
    size_t head = short_head(record);
    if (!head)
        head = (size_t)(json_object_end(record).p - record.p);
    struct str tail = { record.p + head, record.n - head };
    if (buf_reserve(out, record.n + row.n + 1))
        return;
    char *p = out->p + out->n;
    memcpy(p, record.p, head);
    p += head;
    memcpy(p, row.p, row.n);
    p += row.n;
    memcpy(p, tail.p, tail.n);
    out->n += record.n + row.n;
}

/* The name among those that may be added. */
static size_t find_name(const struct joinprobe *p, struct str raw)
{
    size_t n = 0;
    while (n < p->n_names && !json_raw_equals(raw, p->names[n].steps[0].key))
        n++;
    return n;
}

/* The record with row's values where it has their fields; the others stay in
 * p->row, to be appended. 1; 0 with *clash set to a field that may not be
 * replaced; -1 without memory. */
static int put_values(struct joinprobe *p, size_t i, struct str row,
                      struct str *record, size_t *clash)
{
    struct str key;
    struct val v;
    buf_reset(&p->scratch);
    buf_addc(&p->scratch, '{');
    buf_add(&p->scratch, row.p + 1, row.n - 1);
    if (buf_addc(&p->scratch, '}'))
        return -1;
    buf_reset(&p->row);
    struct json_iter it = json_iter(buf_str(&p->scratch));
    while (json_next(&it, &key, &v)) {
        size_t name = find_name(p, key);
        if (name == p->n_names ||
            val_of(p, p->name_slot[name], i)->type == JSON_MISSING) {
            buf_addc(&p->row, ',');
            buf_add(&p->row, key.p - 1,
                    (size_t)(v.raw.p + v.raw.n - key.p) + 1);
            continue;
        }
        *clash = name;
        if (!p->j->spec.overwrite)
            return 0;
        struct buf other = p->message; /* the two take turns */
        buf_reset(&other);
        int r = json_put(&other, *record, &p->names[name], v.raw);
        p->message = p->spare;
        p->spare = other;
        if (r)
            return -1;
        *record = buf_str(&p->spare);
    }
    return p->row.failed ? -1 : 1;
}

/* A record that may have a field of the row already. As put_values. */
static int append_carefully(struct joinprobe *p, size_t i, struct str row,
                            size_t *clash)
{
    struct str record = p->recs[i].text;
    int r = row.n ? put_values(p, i, row, &record, clash) : 1;
    if (r == 1 && row.n)
        append(&p->out, record, buf_str(&p->row));
    else if (r == 1)
        buf_add_str(&p->out, record);
    return r;
}

static int too_long(struct joinprobe *p, struct joinprobe_result *res,
                    struct err *e)
{
    return set_fault(p, res, JOINPROBE_LONG, NULL,
                     "what it is joined to is longer than 128 MiB in all", e);
}

static int exists(struct joinprobe *p, size_t clash,
                  struct joinprobe_result *res, struct err *e)
{
    return set_fault(p, res, JOINPROBE_EXISTS, &p->names[clash],
                     "the record has the field that would be added", e);
}

/* Writes the record once for each of n rows. */
static int write_rows(struct joinprobe *p, size_t i,
                      const struct jointable_row *first, const uint64_t *rows,
                      size_t n, struct joinprobe_result *res, struct err *e)
{
    bool careful = p->some_exist && has_names(p, i);
    struct str record = p->recs[i].text;
    size_t clash;
    buf_reset(&p->out);
    for (size_t k = 0; k < n; k++) {
        if (rows)
            first = jointable_at(p->table, rows[k]);
        struct str row = jointable_row(p->table, first);
        if (k)
            buf_addc(&p->out, '\n');
        int r = 1;
        if (careful)
            r = append_carefully(p, i, row, &clash);
        else
            append(&p->out, record, row);
        if (r < 0)
            return err_nomem(e);
        if (r == 0)
            return exists(p, clash, res, e);
        if (p->out.failed)
            return too_long(p, res, e);
    }
    *res = (struct joinprobe_result){ .kind = JOINPROBE_TEXT,
                                      .text = buf_str(&p->out),
                                      .rows = n };
    return 0;
}

int joinprobe_result(struct joinprobe *p, size_t i,
                     struct joinprobe_result *res, struct err *e)
{
    const struct joinprobe_key *k = &p->batch[i];
    const uint64_t *rows;
    *res = (struct joinprobe_result){ .kind = JOINPROBE_MISS, .rows = 1 };
    if (k->state == JOINPROBE_BAD)
        return fault_of(p, k, res, e);
    if (!k->first)
        return 0;
    int64_t n =
        jointable_match(p->table, k->first, p->j->spec.as_of ? &k->time : NULL,
                        p->j->spec.max_us, &rows);
    if (n == 0)
        return 0;
    if (n < 0)
        return set_fault(p, res, JOINPROBE_SEVERAL, &p->j->key[0],
                         "several reference records match", e);
    const struct jointable_row *row =
        rows ? jointable_at(p->table, rows[0]) : k->first;
    if (n == 1 && row->n == 0) {
        res->kind = JOINPROBE_MATCHED;
        return 0;
    }
    return write_rows(p, i, k->first, rows, (size_t)n, res, e);
}
