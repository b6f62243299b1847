/* A summary from the JSON that summary_json wrote. */
#include "profile/summary.h"

#include "json/check.h"
#include "json/number.h"

#include <math.h>
#include <stdlib.h>

/* Reading stops at the first thing that is not as it was written. */
struct reading {
    struct summary *s;
    struct buf scratch;
    const char *wrong; /* static: the member */
    bool no_memory;
};

static struct val member(struct val object, const char *name)
{
    return json_get(object, str_of(name));
}

static void note(struct reading *r, const char *name)
{
    if (!r->wrong)
        r->wrong = name;
}

static uint64_t count_of(struct reading *r, struct val object, const char *name)
{
    struct val v = member(object, name);
    int64_t n = 0;
    if (v.type != JSON_NUMBER || !number_to_i64(v.raw, &n) || n < 0)
        note(r, name);
    return n < 0 ? 0 : (uint64_t)n;
}

static uint64_t count_or_0(struct reading *r, struct val object,
                           const char *name)
{
    return member(object, name).type == JSON_MISSING
               ? 0
               : count_of(r, object, name);
}

static double double_in(struct reading *r, struct val v, const char *name)
{
    char text[64];
    if (v.type != JSON_NUMBER || v.raw.n >= sizeof(text)) {
        note(r, name);
        return 0;
    }
    memcpy(text, v.raw.p, v.raw.n);
    text[v.raw.n] = '\0';
    return strtod(text, NULL);
}

static double double_of(struct reading *r, struct val object, const char *name)
{
    return double_in(r, member(object, name), name);
}

static struct str keep(struct reading *r, struct str text)
{
    struct str copy = arena_dup(&r->s->arena, text);
    if (!copy.p) {
        r->no_memory = true;
        copy = STR("");
    }
    return copy;
}

static struct str text_in(struct reading *r, struct val v, const char *name)
{
    struct str text = STR("");
    if (v.type != JSON_STRING)
        note(r, name);
    else if (json_string(v, &r->scratch, &text))
        r->no_memory = true;
    return keep(r, text);
}

static struct str text_of(struct reading *r, struct val object,
                          const char *name)
{
    return text_in(r, member(object, name), name);
}

/* A number's spelling; empty where there is none. */
static struct str number_of(struct reading *r, struct val object,
                            const char *name)
{
    struct val v = member(object, name);
    if (v.type != JSON_NUMBER && v.type != JSON_MISSING)
        note(r, name);
    return keep(r, v.raw.p ? v.raw : STR(""));
}

/* How many elements an array has; notes what is none. */
static size_t length_of(struct reading *r, struct val object, const char *name)
{
    struct val array = member(object, name), v;
    size_t n = 0;
    if (array.type != JSON_ARRAY) {
        note(r, name);
        return 0;
    }
    for (struct json_iter it = json_iter(array.raw); json_next(&it, NULL, &v);)
        n++;
    return n;
}

static void *room(struct reading *r, size_t n, size_t size)
{
    void *p = arena_alloc(&r->s->arena, (n + 1) * size);
    if (p)
        memset(p, 0, (n + 1) * size);
    r->no_memory |= p == NULL;
    return p;
}

static void read_bins(struct reading *r, struct val object,
                      struct summary_numbers *f)
{
    struct val v;
    size_t i = 0, edges = length_of(r, object, "edges");
    if (edges > SUMMARY_EDGES || length_of(r, object, "bins") != edges + 1) {
        note(r, "bins");
        return;
    }
    f->n_edges = edges;
    struct json_iter it = json_iter(member(object, "edges").raw);
    for (; json_next(&it, NULL, &v); i++) {
        f->edges[i] = double_in(r, v, "edges");
        if (i && !(f->edges[i] > f->edges[i - 1]))
            note(r, "edges");
    }
    it = json_iter(member(object, "bins").raw);
    for (i = 0; json_next(&it, NULL, &v); i++) {
        int64_t n = -1;
        if (v.type != JSON_NUMBER || !number_to_i64(v.raw, &n) || n < 0)
            note(r, "bins");
        f->bins[i] = n < 0 ? 0 : (uint64_t)n;
    }
}

static void read_numbers(struct reading *r, struct val field,
                         struct summary_numbers *f)
{
    struct val v = member(field, "numbers");
    if (v.type == JSON_MISSING)
        return;
    if (v.type != JSON_OBJECT)
        note(r, "numbers");
    f->n = count_of(r, v, "count");
    f->integers = count_of(r, v, "integers");
    f->outside = count_or_0(r, v, "out_of_range");
    f->min = number_of(r, v, "min");
    f->max = number_of(r, v, "max");
    f->sum = number_of(r, v, "sum");
    f->mean = number_of(r, v, "mean");
    f->deviation = member(v, "stddev").type == JSON_MISSING
                       ? (double)NAN
                       : double_of(r, v, "stddev");
    struct val quantiles = member(v, "quantiles");
    if (quantiles.type == JSON_MISSING)
        return;
    for (size_t i = 0; i < SUMMARY_QUANTILES; i++)
        f->quantiles[i] = double_of(r, quantiles, summary_share_names[i]);
    f->error = double_of(r, v, "quantile_error");
    read_bins(r, v, f);
}

static void read_patterns(struct reading *r, struct val strings,
                          struct summary_strings *f)
{
    struct val v;
    size_t n = length_of(r, strings, "patterns");
    f->patterns = room(r, n, sizeof(*f->patterns));
    if (!f->patterns || !n)
        return;
    struct json_iter it = json_iter(member(strings, "patterns").raw);
    while (json_next(&it, NULL, &v))
        f->patterns[f->n_patterns++] =
            (struct summary_pattern){ text_of(r, v, "pattern"),
                                      count_of(r, v, "count") };
}

static void read_strings(struct reading *r, struct val field,
                         struct summary_strings *f)
{
    struct val v = member(field, "strings"), length;
    if (v.type == JSON_MISSING)
        return;
    if (v.type != JSON_OBJECT)
        note(r, "strings");
    f->n = count_of(r, v, "count");
    f->min = text_of(r, v, "min");
    f->max = text_of(r, v, "max");
    length = member(v, "length");
    f->chars_least = count_of(r, length, "min");
    f->chars_most = count_of(r, length, "max");
    f->chars_mean = double_of(r, length, "mean");
    f->other = count_of(r, v, "other_patterns");
    f->drawn = member(v, "runs").type == JSON_TRUE;
    read_patterns(r, v, f);
}

static struct summary_value read_value(struct reading *r, struct val entry)
{
    struct val v = member(entry, "value"), cut = member(entry, "cut");
    struct summary_value value = { .type = v.type,
                                   .cut = cut.type != JSON_MISSING,
                                   .count = count_of(r, entry, "count") };
    if (v.type != JSON_STRING && v.type != JSON_NUMBER && v.type != JSON_TRUE &&
        v.type != JSON_FALSE)
        note(r, "value");
    value.text = v.type == JSON_STRING ? text_in(r, v, "value")
                                       : keep(r, v.raw.p ? v.raw : STR(""));
    if (value.cut && str_eq(cut.raw, STR("\"number\"")))
        value.type = JSON_NUMBER;
    return value;
}

static void read_values(struct reading *r, struct val field,
                        struct summary_field *f)
{
    struct val v;
    if (member(field, "values").type == JSON_MISSING)
        return;
    size_t n = length_of(r, field, "values");
    f->distinct = count_of(r, field, "distinct");
    f->distinct_error = double_of(r, field, "distinct_error");
    f->all_values = member(field, "all_values").type == JSON_TRUE;
    f->lost = count_of(r, field, "count_error");
    f->values = room(r, n, sizeof(*f->values));
    if (!f->values || !n)
        return;
    struct json_iter it = json_iter(member(field, "values").raw);
    while (json_next(&it, NULL, &v))
        f->values[f->n_values++] = read_value(r, v);
}

static bool has_hint(struct val field, const char *name)
{
    struct val v, hints = member(field, "hints");
    if (hints.type != JSON_ARRAY)
        return false;
    for (struct json_iter it = json_iter(hints.raw); json_next(&it, NULL, &v);)
        if (v.type == JSON_STRING &&
            json_raw_equals((struct str){ v.raw.p + 1, v.raw.n - 2 },
                            str_of(name)))
            return true;
    return false;
}

static void read_field(struct reading *r, struct val v, struct summary_field *f)
{
    struct val types = member(v, "types"), elements = member(v, "elements");
    f->path = text_of(r, v, "path");
    f->depth = (uint32_t)count_of(r, v, "depth");
    f->of = count_of(r, v, "of");
    f->missing = count_of(r, v, "missing");
    f->null = count_of(r, v, "null");
    f->trues = count_of(r, types, "true");
    f->falses = count_of(r, types, "false");
    f->objects = count_of(r, types, "object");
    f->arrays = count_of(r, types, "array");
    read_values(r, v, f);
    read_numbers(r, v, &f->numbers);
    read_strings(r, v, &f->strings);
    f->repeats = !has_hint(v, "unique");
    f->rises = has_hint(v, "ascending");
    f->falls = has_hint(v, "descending");
    if (elements.type == JSON_OBJECT) {
        f->elements_least = count_of(r, elements, "min");
        f->elements_most = count_of(r, elements, "max");
        f->elements_mean = double_of(r, elements, "mean");
    }
    uint64_t all = f->missing + f->null + summary_present(f);
    if (!r->wrong && all != f->of)
        note(r, "of");
}

static void read_all(struct reading *r, struct val v)
{
    struct summary *s = r->s;
    struct val field;
    s->records = count_of(r, v, "records");
    s->bytes = count_of(r, v, "bytes");
    s->twins_known = member(v, "duplicates").type != JSON_MISSING;
    s->twins = count_or_0(r, v, "duplicates");
    s->more_fields = count_of(r, v, "more_fields");
    if (member(v, "pipeline").type != JSON_MISSING)
        s->pipeline = text_of(r, v, "pipeline");
    if (member(v, "date").type != JSON_MISSING)
        s->date = text_of(r, v, "date");
    size_t n = length_of(r, v, "fields");
    s->fields = calloc(n + 1, sizeof(*s->fields));
    if (!s->fields) {
        r->no_memory = true;
        return;
    }
    if (!n)
        return;
    struct json_iter it = json_iter(member(v, "fields").raw);
    while (!r->wrong && !r->no_memory && json_next(&it, NULL, &field))
        read_field(r, field, &s->fields[s->n_fields++]);
}

int summary_read(struct summary *s, struct str json, struct err *e)
{
    struct json_fault fault;
    struct reading r = { .s = s };
    int64_t version = 0;
    *s = (struct summary){ 0 };
    if (json.n == 0)
        return err_set(e, ERR_CONFIG, "empty");
    if (json_check_object(json, JSON_DEPTH_DEFAULT, &fault))
        return err_set(e, ERR_CONFIG, "%s at byte %zu", fault.why,
                       fault.offset);
    struct val v = json_val(json), profile = member(v, "profile");
    if (profile.type != JSON_NUMBER || !number_to_i64(profile.raw, &version))
        return err_set(e, ERR_CONFIG, "no member 'profile'");
    if (version != SUMMARY_VERSION)
        return err_set(e, ERR_CONFIG, "profile of version %lld, not %d",
                       (long long)version, SUMMARY_VERSION);
    read_all(&r, v);
    buf_free(&r.scratch);
    if (r.no_memory)
        return err_nomem(e);
    if (r.wrong)
        return err_set(e, ERR_CONFIG, "member '%s' is not as it should be",
                       r.wrong);
    return 0;
}
