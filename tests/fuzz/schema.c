/* A first line as a schema, the rest as a record: a schema that is malformed
 * is refused, a record that is malformed never fits; casts leave JSON as JSON
 * and have nothing left to do the second time; a schema and its double
 * negation agree; what the quick way accepts fits, and casts have nothing to do
 * there. */
#include "fuzz.h"
#include "json/check.h"
#include "schema/schema.h"
#include "../unit/shaped.h"

/* 1 or 0; the errors are looked at, so that the sanitizer sees their bytes. */
static int verdict(struct schema_run *r, struct str text)
{
    const struct schema_error *x;
    struct err e = { 0 };
    size_t n = 0;
    int fit = schema_check(r, text, &x, &n, &e);
    MUST(fit >= 0 || e.code == ERR_TEMPFAIL);
    for (size_t i = 0; fit == 0 && i < n; i++)
        MUST(x[i].code && memchr(x[i].path.p, '\n', x[i].path.n) != x[i].code);
    MUST(fit != 0 || n > 0);
    return fit;
}

/* True where the record was given up, or has a value that was: under "not"
 * such a record stays wrong. */
static bool undecided(struct schema_run *r, struct str text)
{
    static const char *const codes[] = { "pattern_limit", "number_range",
                                         "too_deep", "too_complex",
                                         "not_json" };
    const struct schema_error *x;
    struct err e;
    size_t n = 0;
    if (schema_check(r, text, &x, &n, &e) != 0)
        return false;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < sizeof(codes) / sizeof(*codes); j++)
            if (strcmp(x[i].code, codes[j]) == 0)
                return true;
    return false;
}

/* The first time a plan is made, the second time it is found. Of what was not
 * checked nothing is asked but that no byte is read beyond it. */
static void check_quick(struct schema_run *r, struct str record)
{
    struct shaper s = { 0 };
    if (shaper_guess(&s, record, 0))
        (void)schema_accept(r, &s.view);
    for (size_t i = 0; i < 2; i++) {
        const struct shaped *at = shaper_next(&s, record, i * 3);
        struct str out = record;
        struct err e;
        if (!at || !schema_accept(r, at))
            continue;
        MUST(verdict(r, record) == 1);
        MUST(schema_coerce(r, record, &out, &e) == 0 && str_eq(out, record));
    }
    shaper_free(&s);
}

static void check_negation(struct str schema, struct schema_run *plain,
                           struct str record)
{
    struct buf b = { 0 };
    struct err e;
    buf_addz(&b, "{\"properties\":{\"v\":{\"not\":");
    buf_add_str(&b, schema);
    buf_addz(&b, "}}}");
    struct schema *s = schema_compile(buf_str(&b), "not", NULL, &e);
    struct schema_run *r = s ? schema_run_new(s) : NULL;
    struct buf v = { 0 };
    buf_addz(&v, "{\"v\":");
    buf_add_str(&v, record);
    buf_addz(&v, "}");
    /* The inner document may refer to "#", which has moved. */
    if (r && !memmem(schema.p, schema.n, "$ref", 4) &&
        !memmem(schema.p, schema.n, "\\u", 2) &&
        !memmem(schema.p, schema.n, "$schema", 7) &&
        !undecided(plain, record) && !undecided(r, buf_str(&v)))
        MUST(verdict(plain, record) != verdict(r, buf_str(&v)));
    if (r)
        check_quick(r, buf_str(&v));
    schema_run_free(r);
    schema_free(s);
    buf_free(&b);
    buf_free(&v);
}

static void check_coerce(struct schema_run *r, struct str record)
{
    struct json_fault fault;
    struct str out, again;
    struct err e;
    MUST(schema_coerce(r, record, &out, &e) == 0);
    MUST(json_check_value(out, JSON_DEPTH_DEFAULT, &fault) == 0);
    struct buf copy = { 0 };
    buf_add_str(&copy, out);
    MUST(schema_coerce(r, buf_str(&copy), &again, &e) == 0);
    MUST(str_eq(buf_str(&copy), again));
    buf_free(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str schema = { (const char *)data, n }, record = { "", 0 };
    struct json_fault fault;
    struct err e = { 0 };
    const char *lf = n ? memchr(data, '\n', n) : NULL;
    if (lf) {
        schema.n = (size_t)(lf - schema.p);
        record = (struct str){ lf + 1, n - schema.n - 1 };
    }
    struct schema *s = schema_compile(schema, "fuzz", NULL, &e);
    bool json = json_check_value(schema, SCHEMA_MAX_DEPTH, &fault) == 0;
    MUST(s ? json || schema.n >= 3 : e.code != 0);
    struct schema_run *r = s ? schema_run_new(s) : NULL;
    if (r) {
        int fit = verdict(r, record);
        MUST(fit == verdict(r, record));
        if (json_check_value(record, JSON_DEPTH_DEFAULT, &fault) == 0) {
            check_coerce(r, record);
            check_negation(schema, r, record);
        }
        check_quick(r, record);
    }
    schema_run_free(r);
    schema_free(s);
    return 0;
}
