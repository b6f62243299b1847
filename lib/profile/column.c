#include "profile/column.h"

#include "json/number.h"
#include "json/visible.h"

#include <math.h>
#include <stdlib.h>

#define BITS HLL_BITS_DEFAULT
#define REGISTERS ((size_t)1 << BITS)
#define SKETCH_BYTES ((size_t)32 << 10) /* of a usual one */

enum { NUMBERS, STRINGS };

/* Seeds: a number's hash is that of its digits, with the scale in the seed. */
#define SEED_NUMBER 1000
#define SEED_FAR 2000

void column_share(struct column_shared *s, struct budget *budget)
{
    s->budget = budget;
    s->shape = ddsketch_shape_of(DDSKETCH_ERROR_DEFAULT);
    blocks_init(&s->blocks, &s->free);
    sums_init(&s->sums, &s->free);
}

void column_unshare(struct column_shared *s)
{
    blocks_free(&s->blocks);
    sums_free(&s->sums);
    buf_free(&s->text);
    buf_free(&s->canon);
}

int column_init(struct column *c, struct column_shared *s)
{
    *c = (struct column){ .rises = true,
                          .falls = true,
                          .chars_least = UINT64_MAX };
    frequent_init(&c->values, COLUMN_VALUES, s->budget);
    c->wait = malloc(COLUMN_BATCH * sizeof(*c->wait));
    return c->wait ? 0 : -1;
}

void column_free(struct column *c)
{
    frequent_free(&c->values);
    for (int i = 0; i < 2; i++) {
        buf_free(&c->least[i].text);
        buf_free(&c->most[i].text);
    }
    buf_free(&c->before.text);
    free(c->registers);
    patterns_free(&c->patterns);
    free(c->wait);
}

/* ---- least, most, order ---- */

/* A value in hand. */
struct hand {
    enum json_type type;
    struct str text; /* characters, or the spelling of a number */
    struct order_key key;
    struct hash128 hash;
    double number; /* NAN where no double is it */
    uint32_t chars;
    bool ascii;
};

static int compare(const struct hand *h, const struct column_end *end)
{
    int order;
    if (order_keys_cmp(h->key, end->key, &order))
        return order;
    if (h->type == JSON_NUMBER)
        return number_cmp(h->text, buf_str(&end->text));
    return str_cmp(visible_start(h->text, FREQUENT_TEXT), buf_str(&end->text));
}

static int keep(struct column_end *end, const struct hand *h)
{
    struct str text = h->text;
    if (h->type == JSON_STRING && text.n > FREQUENT_TEXT)
        text = visible_start(text, FREQUENT_TEXT);
    end->key = h->key;
    end->set = true;
    buf_reset(&end->text);
    return buf_add_str(&end->text, text);
}

static int take_ends(struct column *c, const struct hand *h)
{
    int which = h->type == JSON_NUMBER ? NUMBERS : STRINGS;
    struct column_end *least = &c->least[which], *most = &c->most[which];
    if (!least->set)
        return keep(least, h) || keep(most, h) ? -1 : 0;
    if (compare(h, least) < 0)
        return keep(least, h);
    return compare(h, most) > 0 ? keep(most, h) : 0;
}

static int take_order(struct column *c, const struct hand *h)
{
    if (!c->before.set) {
        c->ordered_type = (uint8_t)h->type;
    } else if (c->ordered_type != h->type) {
        c->rises = c->falls = false;
        return 0;
    } else {
        int order = compare(h, &c->before);
        c->rises &= order >= 0;
        c->falls &= order <= 0;
        if (order == 0)
            return 0;
    }
    return c->rises || c->falls ? keep(&c->before, h) : 0;
}

/* ---- sketches ---- */

static void take_register(struct column *c, struct hash128 h)
{
    unsigned rank;
    uint32_t at = hll_place(h.lo, BITS, &rank);
    if (c->registers[at] < rank)
        c->registers[at] = (uint8_t)rank;
}

static int take_double(struct column *c, struct column_shared *s, double x,
                       uint64_t count, struct err *e)
{
    struct column_moments *m = &c->moments;
    if (isnan(x))
        return 0;
    struct ddsketch_bucket b = ddsketch_bucket_of(&s->shape, x);
    double weight = (double)count, off = x - m->mean;
    b.count = count;
    m->n += weight;
    m->mean += off * weight / m->n;
    m->squares += weight * off * (x - m->mean);
    return ddsketch_add(&c->sketch, &s->shape, &s->blocks, b, e);
}

static void take_chars(struct column *c, uint32_t chars, uint64_t count)
{
    c->chars += chars * count;
    if (chars < c->chars_least)
        c->chars_least = chars;
    if (chars > c->chars_most)
        c->chars_most = chars;
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

/* A text that can be read beyond its end; what is behind the bytes that are
 * kept of a value makes no pattern. */
static int take_pattern(struct column *c, struct str text, bool ascii,
                        uint64_t count)
{
    if (text.n > FREQUENT_TEXT)
        text = visible_start(text, FREQUENT_TEXT);
    return patterns_take(&c->patterns, text, ascii, count);
}

/* Brings an entry's count into what is kept of values one by one. */
static int spread(struct column *c, struct column_shared *s,
                  const struct frequent_entry *v, struct err *e)
{
    struct str text = frequent_text(&c->values, v);
    if (v->type == JSON_NUMBER)
        return take_double(c, s, v->number, v->count, e);
    take_chars(c, v->chars, v->count);
    buf_reset(&s->canon); /* the value in hand may be in s->text */
    if (buf_add_str(&s->canon, text) || buf_reserve(&s->canon, PATTERN_PADDING))
        return err_nomem(e);
    memset(s->canon.p + s->canon.n, 0, PATTERN_PADDING);
    text = buf_str(&s->canon);
    return take_pattern(c, text, is_ascii(text), v->count) ? err_nomem(e) : 0;
}

static int spread_all(struct column *c, struct column_shared *s, struct err *e)
{
    for (uint32_t i = 0; i < c->values.n; i++)
        if (spread(c, s, &c->values.v[i], e))
            return -1;
    return 0;
}

/* There are too many values to count each. */
static int go_on_by_sketches(struct column *c, struct column_shared *s,
                             struct err *e)
{
    c->registers = calloc(REGISTERS, 1);
    if (!c->registers)
        return err_nomem(e);
    s->budget->used += REGISTERS + SKETCH_BYTES;
    for (uint32_t i = 0; i < c->values.n; i++)
        take_register(c, c->values.v[i].hash);
    if (spread_all(c, s, e))
        return -1;
    return frequent_shrink(&c->values, COLUMN_FREQUENT) ? err_nomem(e) : 0;
}

/* ---- values ---- */

static int take_one(struct column *c, struct column_shared *s,
                    const struct hand *h, struct err *e)
{
    struct frequent_entry *v = frequent_find(&c->values, h->hash);
    bool by_value = !c->registers;
    if (v) {
        v->count++;
        c->values.repeated = true;
        if (by_value)
            return 0;
    } else {
        if (by_value && frequent_is_full(&c->values) &&
            go_on_by_sketches(c, s, e))
            return -1;
        v = frequent_add(&c->values, h->hash, h->type, h->text);
        if (!v || (by_value && take_ends(c, h)))
            return err_nomem(e);
        v->number = h->number;
        v->chars = h->chars;
        if (!c->registers)
            return 0;
        take_register(c, h->hash);
    }
    if (h->type == JSON_NUMBER)
        return take_double(c, s, h->number, 1, e);
    take_chars(c, h->chars, 1);
    return take_pattern(c, h->text, h->ascii, 1) ? err_nomem(e) : 0;
}

/* A number of up to 18 digits: v * 10^-scale, scale from 0 to 18. */
static void hash_short(struct hand *h, int64_t v, int32_t scale)
{
    h->number = (double)v / (double)digits_pow10[scale];
    while (scale && v % 10 == 0) {
        v /= 10;
        scale--;
    }
    XXH128_hash_t x =
        XXH3_128bits_withSeed(&v, sizeof(v), (uint64_t)(SEED_NUMBER + scale));
    h->hash = (struct hash128){ x.low64, x.high64 };
}

/* The digits of a number that has 18 at most, as hash_short wants them. */
static bool shorten(const struct number *n, int64_t *v, int32_t *scale)
{
    int64_t more = n->adjusted + 1 - (int64_t)n->digits; /* zeros to append */
    uint64_t u = 0;
    size_t left = n->digits;
    *v = 0;
    *scale = 0;
    if (n->zero)
        return true;
    if (n->adjusted > 17 || n->adjusted < -18 || more < -18 || left > 18)
        return false;
    for (size_t i = 0; i < n->whole.n + n->frac.n && left; i++, left--)
        u = u * 10 + (uint64_t)((i < n->whole.n ? n->whole.p[i]
                                                : n->frac.p[i - n->whole.n]) -
                                '0');
    for (; more > 0; more--)
        u *= 10;
    *scale = more < 0 ? (int32_t)-more : 0;
    *v = n->neg ? -(int64_t)u : (int64_t)u;
    return true;
}

/* A number with an exponent or with many digits. */
static int take_long(struct column *c, struct column_shared *s, struct hand *h,
                     struct err *e)
{
    struct number n = number_parse(h->text);
    int64_t v;
    int32_t scale;
    bool good = number_in_range(&n);
    c->integers += !memchr(h->text.p, '.', h->text.n) &&
                   !memchr(h->text.p, 'e', h->text.n) &&
                   !memchr(h->text.p, 'E', h->text.n);
    c->outside += !good;
    if (good && sum_add_text(&s->sums, &c->sum, h->text, e))
        return -1;
    if (good && shorten(&n, &v, &scale)) {
        hash_short(h, v, scale);
        return 0;
    }
    buf_reset(&s->canon);
    if (good ? number_canon(&s->canon, h->text)
             : buf_add_str(&s->canon, h->text))
        return err_nomem(e);
    XXH128_hash_t x = XXH3_128bits_withSeed(s->canon.p, s->canon.n, SEED_FAR);
    h->hash = (struct hash128){ x.low64, x.high64 };
    buf_reset(&s->canon);
    buf_add_str(&s->canon, h->text);
    const char *z = buf_z(&s->canon);
    if (!z)
        return err_nomem(e);
    h->number = good ? strtod(z, NULL) : (double)NAN;
    if (isinf(h->number))
        h->number = (double)NAN;
    return 0;
}

static int take_number(struct column *c, struct column_shared *s,
                       const struct column_value *w, struct err *e)
{
    struct hand h = { .type = JSON_NUMBER, .text = { w->p, w->n } };
    h.key = order_key_number(w->p, w->n);
    if (h.key.kind == ORDER_NUMBER) {
        int64_t v = (int64_t)h.key.high;
        c->integers += h.key.scale == 0;
        if (sum_add(&s->sums, &c->sum, v, h.key.scale, e))
            return -1;
        hash_short(&h, v, h.key.scale);
    } else if (take_long(c, s, &h, e)) {
        return -1;
    }
    if ((c->rises | c->falls) && take_order(c, &h))
        return err_nomem(e);
    if (c->registers && take_ends(c, &h))
        return err_nomem(e);
    return take_one(c, s, &h, e);
}

/* Characters of a string that may have escapes, in padded scratch where it
 * has. */
static int plain_text(struct column_shared *s, struct str *text)
{
    if (!memchr(text->p, '\\', text->n))
        return 0;
    buf_reset(&s->text);
    if (json_unescape(&s->text, *text) || buf_reserve(&s->text, COLUMN_PADDING))
        return -1;
    memset(s->text.p + s->text.n, 0, COLUMN_PADDING);
    *text = buf_str(&s->text);
    return 0;
}

static uint32_t count_chars(struct str s)
{
    uint32_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static int take_string(struct column *c, struct column_shared *s,
                       const struct column_value *w, struct err *e)
{
    struct hand h = { .type = JSON_STRING,
                      .text = { w->p, w->n },
                      .chars = w->n,
                      .ascii = true };
    if (w->odd) {
        if (plain_text(s, &h.text))
            return err_nomem(e);
        h.ascii = is_ascii(h.text);
        h.chars = h.ascii ? (uint32_t)h.text.n : count_chars(h.text);
    }
    h.hash = hash128(h.text);
    h.key = order_key_string(h.text.p, h.text.n);
    if ((c->rises | c->falls) && take_order(c, &h))
        return err_nomem(e);
    if (c->registers && take_ends(c, &h))
        return err_nomem(e);
    return take_one(c, s, &h, e);
}

static void take_array(struct column *c, uint32_t elements)
{
    if (c->types[JSON_ARRAY] == 1 || elements < c->elements_least)
        c->elements_least = elements;
    if (elements > c->elements_most)
        c->elements_most = elements;
    c->elements += elements;
}

int column_flush(struct column *c, struct column_shared *s, struct err *e)
{
    uint32_t n = c->n;
    c->n = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct column_value *w = &c->wait[i];
        c->types[w->type]++;
        if (w->type == JSON_STRING   ? take_string(c, s, w, e)
            : w->type == JSON_NUMBER ? take_number(c, s, w, e)
                                     : 0)
            return -1;
        if (w->type == JSON_ARRAY)
            take_array(c, w->n);
    }
    return 0;
}

int column_end(struct column *c, struct column_shared *s, struct err *e)
{
    if (column_flush(c, s, e))
        return -1;
    if (!c->registers && spread_all(c, s, e))
        return -1;
    patterns_sort(&c->patterns);
    return 0;
}

uint64_t column_distinct(const struct column *c)
{
    uint64_t n =
        (c->types[JSON_TRUE] ? 1U : 0) + (c->types[JSON_FALSE] ? 1 : 0);
    uint64_t most = c->types[JSON_NUMBER] + c->types[JSON_STRING];
    if (!c->registers)
        return n + c->values.n;
    uint32_t histogram[64 + 2] = { 0 };
    for (size_t i = 0; i < REGISTERS; i++)
        histogram[c->registers[i]]++;
    uint64_t about = hll_estimate(histogram, BITS);
    return n + (about < most ? about : most);
}

int64_t column_rank(const struct ddsketch_shape *shape, double x)
{
    struct ddsketch_bucket b = ddsketch_bucket_of(shape, x);
    const int64_t middle = (int64_t)1 << 40; /* beyond all indexes */
    return b.sign == 0 ? 0 : b.sign == 1 ? middle + b.index : -middle - b.index;
}
