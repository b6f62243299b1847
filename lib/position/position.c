#include "position/position.h"

#include "base/date.h"
#include "json/number.h"
#include "json/value.h"

#include <inttypes.h>
#include <stdlib.h>

const char *const position_kinds[] = { "number", "text", "time", "lsn",
                                       "id",     "mark", NULL };

static int copy(struct str *to, struct str from, struct err *e)
{
    char *p = malloc(from.n + 1);
    if (!p)
        return err_nomem(e);
    if (from.n)
        memcpy(p, from.p, from.n);
    p[from.n] = '\0';
    free((char *)(uintptr_t)to->p);
    to->p = p;
    to->n = from.n;
    return 0;
}

static void drop(struct str *s)
{
    free((char *)(uintptr_t)s->p);
    *s = (struct str){ 0 };
}

int positions_init(struct positions *ps, struct str source, struct err *e)
{
    *ps = (struct positions){ 0 };
    return copy(&ps->source, source, e);
}

static void position_free(struct position *p)
{
    drop(&p->partition);
    drop(&p->value);
    drop(&p->from);
    free(p->ties);
    *p = (struct position){ 0 };
}

int position_start(struct position *p, struct str from, struct err *e)
{
    return from.n ? copy(&p->from, from, e) : 0;
}

int position_take_from(struct position *p, struct err *e)
{
    return p->value.n ? copy(&p->from, p->value, e) : 0;
}

void positions_clear(struct positions *ps)
{
    for (size_t i = 0; i < ps->n; i++)
        position_free(&ps->v[i]);
    ps->n = ps->last = 0;
}

void positions_free(struct positions *ps)
{
    positions_clear(ps);
    free(ps->v);
    drop(&ps->source);
    *ps = (struct positions){ 0 };
}

/* A source has few partitions, and its records come in runs of one: what was
 * found last is looked at first. */
static size_t find(const struct positions *ps, struct str partition)
{
    if (ps->last < ps->n && str_eq(ps->v[ps->last].partition, partition))
        return ps->last;
    for (size_t i = 0; i < ps->n; i++)
        if (str_eq(ps->v[i].partition, partition))
            return i;
    return ps->n;
}

struct position *positions_find(const struct positions *ps,
                                struct str partition)
{
    size_t i = find(ps, partition);
    return i < ps->n ? &ps->v[i] : NULL;
}

struct position *positions_at(struct positions *ps, struct str partition,
                              struct err *e)
{
    size_t i = find(ps, partition);
    if (i < ps->n) {
        ps->last = i;
        return &ps->v[i];
    }
    if (ps->n == ps->cap) {
        size_t cap = ps->cap ? 2 * ps->cap : 4;
        struct position *v = realloc(ps->v, cap * sizeof(*v));
        if (!v) {
            err_nomem(e);
            return NULL;
        }
        ps->v = v;
        ps->cap = cap;
    }
    ps->v[ps->n] = (struct position){ 0 };
    if (copy(&ps->v[ps->n].partition, partition, e))
        return NULL;
    ps->last = ps->n;
    return &ps->v[ps->n++];
}

/* ---- values ---- */

static struct str unquoted(struct str v)
{
    return v.n >= 2 && v.p[0] == '"' ? (struct str){ v.p + 1, v.n - 2 } : v;
}

/* Digits of a base, up to the mark or, with mark 0, the end. */
static bool take(struct str *s, int base, char mark, uint64_t *v)
{
    size_t i = 0;
    *v = 0;
    for (; i < s->n && (!mark || s->p[i] != mark); i++) {
        char c = s->p[i];
        int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                       : 99;
        if (d >= base || *v > (UINT64_MAX - (uint64_t)d) / (uint64_t)base)
            return false;
        *v = *v * (uint64_t)base + (uint64_t)d;
    }
    bool found = mark ? i < s->n : true;
    s->p += i + (mark && found);
    s->n -= i + (mark && found);
    return i > 0 && found;
}

struct pair {
    uint64_t high, low;
};

static bool pair_of(struct str v, int base, char mark, struct pair *p)
{
    struct str s = unquoted(v);
    return s.n < v.n && take(&s, base, mark, &p->high) &&
           take(&s, base, '\0', &p->low);
}

static int pair_cmp(struct pair a, struct pair b)
{
    if (a.high != b.high)
        return a.high < b.high ? -1 : 1;
    return a.low < b.low ? -1 : a.low > b.low;
}

int position_cmp(enum position_kind kind, struct str a, struct str b,
                 bool *order)
{
    struct pair p, q;
    int64_t s, t;
    int base = kind == POSITION_LSN ? 16 : 10;
    char mark = kind == POSITION_LSN ? '/' : '-';
    *order = true;
    switch (kind) {
    case POSITION_NUMBER:
        if (json_val(a).type == JSON_NUMBER && json_val(b).type == JSON_NUMBER)
            return number_cmp(a, b);
        break;
    case POSITION_TEXT: return str_cmp(unquoted(a), unquoted(b));
    case POSITION_TIME:
        if (time_parse(unquoted(a), NULL, &s) &&
            time_parse(unquoted(b), NULL, &t))
            return s < t ? -1 : s > t;
        break;
    case POSITION_LSN:
    case POSITION_ID:
        if (pair_of(a, base, mark, &p) && pair_of(b, base, mark, &q))
            return pair_cmp(p, q);
        break;
    case POSITION_MARK: break;
    }
    *order = false;
    return 0;
}

enum position_kind position_kind_of(struct str value)
{
    struct pair p;
    int64_t us;
    if (json_val(value).type == JSON_NUMBER)
        return POSITION_NUMBER;
    if (pair_of(value, 16, '/', &p))
        return POSITION_LSN;
    return time_parse(unquoted(value), NULL, &us) ? POSITION_TIME
                                                  : POSITION_TEXT;
}

/* ---- ties: open addressing, linear; a hash of zeros is an empty place ---- */

static bool same_hash(struct hash128 a, struct hash128 b)
{
    return a.lo == b.lo && a.hi == b.hi;
}

static bool is_empty(struct hash128 h)
{
    return h.lo == 0 && h.hi == 0;
}

/* Its place in the table: where it is, or an empty one. */
static size_t place_of(const struct position *p, struct hash128 h)
{
    size_t i = h.lo & (p->ties_cap - 1);
    while (!is_empty(p->ties[i].hash) && !same_hash(p->ties[i].hash, h))
        i = (i + 1) & (p->ties_cap - 1);
    return i;
}

static int grow_ties(struct position *p, struct err *e)
{
    struct position big = { .ties_cap = p->ties_cap ? 2 * p->ties_cap : 16 };
    big.ties = calloc(big.ties_cap, sizeof(*big.ties));
    if (!big.ties)
        return err_nomem(e);
    for (size_t i = 0; i < p->ties_cap; i++)
        if (!is_empty(p->ties[i].hash))
            big.ties[place_of(&big, p->ties[i].hash)] = p->ties[i];
    free(p->ties);
    p->ties = big.ties;
    p->ties_cap = big.ties_cap;
    return 0;
}

bool position_is_tie(const struct position *p, struct hash128 tie)
{
    return p->n_ties && !is_empty(p->ties[place_of(p, tie)].hash);
}

int position_tie(struct position *p, struct hash128 tie, int64_t key,
                 struct err *e)
{
    if (position_is_tie(p, tie))
        return 0;
    if (p->n_ties >= POSITION_TIES_MAX)
        return 1;
    if (2 * (p->n_ties + 1) > p->ties_cap && grow_ties(p, e))
        return -1;
    p->ties[place_of(p, tie)] = (struct position_tie){ tie, key };
    p->n_ties++;
    return 1;
}

void position_forget_ties(struct position *p)
{
    if (p->n_ties)
        memset(p->ties, 0, p->ties_cap * sizeof(*p->ties));
    p->n_ties = 0;
}

int position_set(struct position *p, enum position_kind kind, struct str value,
                 struct err *e)
{
    bool order;
    bool same = p->value.n && p->kind == kind &&
                (str_eq(p->value, value) ||
                 (position_cmp(kind, p->value, value, &order) == 0 && order));
    if (same)
        return 0;
    p->kind = kind;
    position_forget_ties(p);
    return copy(&p->value, value, e);
}

void position_settle(struct position *p)
{
    drop(&p->from);
    p->rewind = false;
}

int position_copy(struct position *to, const struct position *from,
                  struct err *e)
{
    if (from->value.n && position_set(to, from->kind, from->value, e))
        return -1;
    if (from->from.n && copy(&to->from, from->from, e))
        return -1;
    to->rewind = from->rewind;
    to->lag = from->lag;
    for (size_t i = 0; i < from->ties_cap; i++)
        if (!is_empty(from->ties[i].hash) &&
            position_tie(to, from->ties[i].hash, from->ties[i].key, e) < 0)
            return -1;
    return 0;
}

int positions_copy(struct positions *to, const struct positions *from,
                   struct err *e)
{
    for (size_t i = 0; i < from->n; i++) {
        struct position *p = positions_at(to, from->v[i].partition, e);
        if (!p || position_copy(p, &from->v[i], e))
            return -1;
    }
    return 0;
}

int position_judge(const struct position *stored, const struct position *next,
                   struct str source, struct err *e)
{
    bool order;
    int c;
    if (next->rewind || !stored || !stored->value.n)
        return next->value.n > 0;
    if (!next->from.n)
        return err_set(e, ERR_CONFIG,
                       "source '%.*s' was read from its beginning, but the "
                       "target has it up to %.*s: resume from there "
                       "(--resume-from), or say --rewind",
                       STR_ARG(source), STR_ARG(stored->value));
    c = position_cmp(stored->kind, stored->value, next->from, &order);
    if (order ? c != 0 : !str_eq(stored->value, next->from))
        return err_set(e, ERR_TEMPFAIL,
                       "source '%.*s' was read from %.*s on, but the table "
                       "has it up to %.*s: another load came in between, or "
                       "one of this table failed",
                       STR_ARG(source), STR_ARG(next->from),
                       STR_ARG(stored->value));
    return next->value.n > 0;
}

/* ---- JSON ---- */

int position_write(const struct position *p, struct buf *out)
{
    char hex[33];
    buf_addz(out, "{\"partition\":");
    json_quote(out, p->partition);
    buf_addf(out, ",\"kind\":\"%s\",\"value\":", position_kinds[p->kind]);
    buf_add_str(out, p->value.n ? p->value : STR("null"));
    if (p->from.n) {
        buf_addz(out, ",\"from\":");
        buf_add_str(out, p->from);
    }
    if (p->rewind)
        buf_addz(out, ",\"rewind\":true");
    if (p->lag)
        buf_addf(out, ",\"lag\":%" PRIu64, p->lag);
    const char *before = ",\"ties\":[\"";
    for (size_t i = 0; i < p->ties_cap; i++) {
        if (is_empty(p->ties[i].hash))
            continue;
        hash128_hex(p->ties[i].hash, hex);
        buf_addf(out, "%s%s", before, hex);
        if (p->ties[i].key)
            buf_addf(out, "@%" PRId64, p->ties[i].key);
        buf_addc(out, '"');
        before = ",\"";
    }
    if (p->n_ties)
        buf_addc(out, ']');
    return buf_addc(out, '}');
}

int positions_write(const struct positions *ps, struct buf *out)
{
    buf_addz(out, "{\"source\":");
    json_quote(out, ps->source);
    buf_addz(out, ",\"positions\":[");
    for (size_t i = 0; i < ps->n; i++) {
        if (i)
            buf_addc(out, ',');
        position_write(&ps->v[i], out);
    }
    return buf_addz(out, "]}");
}

static bool is_scalar(struct val v)
{
    return v.type == JSON_NUMBER || v.type == JSON_STRING ||
           v.type == JSON_FALSE || v.type == JSON_TRUE;
}

static bool kind_of(struct val v, enum position_kind *kind)
{
    for (size_t i = 0; position_kinds[i]; i++) {
        if (str_eq(unquoted(v.raw), str_of(position_kinds[i]))) {
            *kind = (enum position_kind)i;
            return true;
        }
    }
    return false;
}

/* "HEX" or "HEX@KEY". */
static bool read_tie(struct val v, struct position_tie *tie)
{
    struct str s = unquoted(v.raw), hex = { s.p, s.n < 32 ? s.n : 32 };
    tie->key = 0;
    return v.type == JSON_STRING && hash128_read(hex, &tie->hash) &&
           (s.n == 32 ||
            (s.p[32] == '@' &&
             number_to_i64((struct str){ s.p + 33, s.n - 33 }, &tie->key)));
}

static int read_ties(struct position *p, struct val ties, struct err *e)
{
    struct json_iter it = json_iter(ties.raw);
    struct position_tie tie;
    struct val v;
    while (json_next(&it, NULL, &v)) {
        if (!read_tie(v, &tie))
            return err_set(e, ERR_DATA, "position has a tie that is no hash");
        if (position_tie(p, tie.hash, tie.key, e) < 0)
            return -1;
    }
    return 0;
}

static int read_into(struct position *p, struct val o, struct err *e)
{
    struct val value = json_get(o, STR("value"));
    struct val from = json_get(o, STR("from"));
    struct val ties = json_get(o, STR("ties"));
    enum position_kind kind;
    if (!kind_of(json_get(o, STR("kind")), &kind) ||
        (value.type != JSON_NULL && !is_scalar(value)) ||
        (from.type != JSON_MISSING && !is_scalar(from)) ||
        (ties.type != JSON_MISSING && ties.type != JSON_ARRAY))
        return err_set(e, ERR_DATA, "not a position: '%.*s'",
                       (int)(o.raw.n < 200 ? o.raw.n : 200), o.raw.p);
    if (is_scalar(value) && position_set(p, kind, value.raw, e))
        return -1;
    p->kind = kind;
    if (is_scalar(from) && copy(&p->from, from.raw, e))
        return -1;
    p->rewind = json_get(o, STR("rewind")).type == JSON_TRUE;
    int64_t lag = 0;
    struct val v = json_get(o, STR("lag"));
    if (v.type == JSON_NUMBER && number_to_i64(v.raw, &lag) && lag > 0)
        p->lag = (uint64_t)lag;
    return ties.type == JSON_ARRAY ? read_ties(p, ties, e) : 0;
}

int position_read(struct positions *ps, struct str json, struct err *e)
{
    struct val o = json_val(json);
    struct val partition = json_get(o, STR("partition"));
    struct position fresh = { 0 };
    struct buf scratch = { .max = 1 << 20 };
    struct str name;
    int r = -1;
    if (partition.type != JSON_STRING)
        return err_set(e, ERR_DATA, "not a position: '%.*s'",
                       (int)(json.n < 200 ? json.n : 200), json.p);
    if (json_string(partition, &scratch, &name))
        r = err_nomem(e);
    else if (read_into(&fresh, o, e) == 0) {
        struct position *p = positions_at(ps, name, e);
        if (p) {
            fresh.partition = p->partition;
            p->partition = (struct str){ 0 };
            position_free(p);
            *p = fresh;
            fresh = (struct position){ 0 };
            r = 0;
        }
    }
    position_free(&fresh);
    buf_free(&scratch);
    return r;
}

int positions_read(struct positions *ps, struct str json, struct err *e)
{
    struct val o = json_val(json);
    struct val list = json_get(o, STR("positions"));
    struct json_iter it;
    struct val v;
    if (o.type != JSON_OBJECT || list.type != JSON_ARRAY)
        return err_set(e, ERR_DATA, "not positions: '%.*s'",
                       (int)(json.n < 200 ? json.n : 200), json.p);
    it = json_iter(list.raw);
    while (json_next(&it, NULL, &v))
        if (position_read(ps, v.raw, e))
            return -1;
    return 0;
}
