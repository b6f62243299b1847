/* The cases of Apicurio Registry's tests of JSON Schema compatibility, read
 * from $PIPE_TEST_DATA/apicurio-json-compat: which of two versions accepts all
 * that the other one accepts. Ours is the verdict of evolve/compat.
 *
 * Where the two disagree, the table below says why, and the test holds us to
 * it: a disagreement that is not in the table fails, and so does one in the
 * table that is none. Where Apicurio calls compatible what is not, a witness is
 * shown: a value that one version accepts and the other refuses. */
#include "base/buf.h"
#include "evolve/compat.h"
#include "json/value.h"
#include "schema/schema.h"

#include <stdio.h>
#include <stdlib.h>

#define REFUSED 4 /* beside the COMPAT_ bits that hold */

static const struct argument {
    int number; /* 0-based */
    const char *id;
    int ours;
    const char *witness; /* accepted by the original, refused by the updated */
    const char *why;
} arguments[] = {
    { 96, "Const", COMPAT_FULL, NULL,
      "a string that is an array: neither version accepts anything, so both "
      "accept the same" },
    { 108, "Complex: anyOf 1", COMPAT_FULL, NULL,
      "a string, or anything that is no long string: both versions accept "
      "every value" },
    { 117, "Complex: oneOf 1", COMPAT_FORWARD, "\"abcdefg\"",
      "a string of seven fits one of the two old schemas and both new ones" },
    { 119, "Complex: oneOf 3", 0, "\"abc\"",
      "a short string fits the old schema and both new ones" },
    { 124, "Conditional: if", COMPAT_FULL, NULL,
      "what is new in the condition, \"lowerCase\", is no value that the "
      "property may have, so nothing changes" },
};

static int read_file(const char *path, struct buf *b)
{
    char block[65536];
    size_t n;
    FILE *f = fopen(path, "rb");
    if (!f)
        return -1;
    while ((n = fread(block, 1, sizeof(block), f)) > 0)
        buf_add(b, block, n);
    fclose(f);
    return b->failed ? -1 : 0;
}

static int note(void *context, const struct difference *d, struct err *e)
{
    (void)e;
    *(unsigned *)context |= d->breaks;
    return 0;
}

/* What holds, as COMPAT_ bits, or REFUSED. */
static int verdict(struct str original, struct str updated, char *why, size_t n)
{
    struct compat_options options = { .direction = COMPAT_FULL };
    struct compat_result r;
    struct err e = { 0 };
    unsigned breaks = 0;
    struct compat *c = compat_new(&options, &e);
    int ok = c && compat_add_text(c, original, "original", NULL, &e) == 0 &&
                     compat_add_text(c, updated, "updated", NULL, &e) == 0
                 ? compat_run(c, note, &breaks, &r, &e)
                 : -1;
    compat_free(c);
    snprintf(why, n, "%s", ok < 0 ? e.msg : "");
    return ok < 0 ? REFUSED : (int)(COMPAT_FULL & ~breaks);
}

/* Does the schema accept the value? By the checker that records go through. */
static bool accepts(struct str schema, const char *value)
{
    const struct schema_error *x;
    struct err e = { 0 };
    size_t n;
    struct schema *s = schema_compile(schema, "s", NULL, &e);
    struct schema_run *r = s ? schema_run_new(s) : NULL;
    bool ok = r && schema_check(r, str_of(value), &x, &n, &e) == 1;
    schema_run_free(r);
    schema_free(s);
    return ok;
}

static int expected(struct val test)
{
    struct str v = json_get(test, STR("compatibility")).raw;
    return str_eq(v, STR("\"both\""))       ? COMPAT_FULL
           : str_eq(v, STR("\"backward\"")) ? COMPAT_BACKWARD
           : str_eq(v, STR("\"none\""))     ? 0
                                            : -1;
}

static const struct argument *argument_of(int number)
{
    for (size_t i = 0; i < sizeof(arguments) / sizeof(*arguments); i++)
        if (arguments[i].number == number)
            return &arguments[i];
    return NULL;
}

static bool argued(const struct argument *a, struct val test, int ours)
{
    struct str id = json_get(test, STR("id")).raw;
    struct str from = json_get(test, STR("original")).raw;
    struct str to = json_get(test, STR("updated")).raw;
    bool ok = ours == a->ours && id.n == strlen(a->id) + 2 &&
              memcmp(id.p + 1, a->id, id.n - 2) == 0;
    if (a->witness)
        ok = ok && accepts(from, a->witness) && !accepts(to, a->witness);
    return ok;
}

int main(void)
{
    const char *data = getenv("PIPE_TEST_DATA");
    char path[4096], why[1000];
    struct buf text = { 0 };
    int n = 0, bad = 0;
    snprintf(path, sizeof(path),
             "%s/apicurio-json-compat/compatibility-test-data.json",
             data ? data : "../shared/data");
    if (read_file(path, &text)) {
        printf("ok 1 - schemas of Apicurio # skip no apicurio-json-compat in "
               "PIPE_TEST_DATA\n1..1\n");
        return 0;
    }
    struct val tests = json_get(json_val(buf_str(&text)), STR("tests")), test;
    struct json_iter it = json_iter(tests.raw);
    while (json_next(&it, NULL, &test)) {
        const struct argument *a = argument_of(n);
        int want = expected(test);
        int ours =
            verdict(json_get(test, STR("original")).raw,
                    json_get(test, STR("updated")).raw, why, sizeof(why));
        bool ok = a ? want != ours && argued(a, test, ours) : want == ours;
        bad += !ok;
        printf("%s %d - %.*s: %s%s\n", ok ? "ok" : "not ok", ++n,
               STR_ARG(json_get(test, STR("id")).raw),
               a ? "argued: " : "agrees", a ? a->why : "");
        if (!ok)
            printf("# theirs %d, ours %d %s\n", want, ours, why);
    }
    buf_free(&text);
    bool whole = n == 145;
    printf("%s %d - all 145 cases were there\n1..%d\n", whole ? "ok" : "not ok",
           n + 1, n + 1);
    return bad != 0 || !whole;
}
