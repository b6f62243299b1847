/* The JSON Schema Test Suite, read from $PIPE_TEST_DATA/json-schema-test-suite:
 * every test of three drafts, required and optional, but for the exceptions
 * below.
 *
 * Each test is also run as a record, the value that it is about being the
 * property v: the walk has to say the same of it, and the quick way may accept
 * no bad one, and has to accept most of the good. */
#include "base/buf.h"
#include "json/value.h"
#include "schema/schema.h"
#include "shaped.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

struct suite {
    const char *title, *folder;
    enum schema_draft draft;
    bool formats; /* are asserted */
};

/* The required tests of 2019-09 and 2020-12 take format for an annotation. */
static const struct suite suites[] = {
    { "draft-07", "draft7", DRAFT_07, false },
    { "2019-09", "draft2019-09", DRAFT_2019_09, false },
    { "2020-12", "draft2020-12", DRAFT_2020_12, false },
    { "draft-07 optional", "draft7/optional", DRAFT_07, true },
    { "2019-09 optional", "draft2019-09/optional", DRAFT_2019_09, true },
    { "2020-12 optional", "draft2020-12/optional", DRAFT_2020_12, true },
    { "draft-07 formats", "draft7/optional/format", DRAFT_07, true },
    { "2019-09 formats", "draft2019-09/optional/format", DRAFT_2019_09, true },
    { "2020-12 formats", "draft2020-12/optional/format", DRAFT_2020_12, true },
};

/* Tests that contradict a choice of ours: verdicts that are the other way
 * round, and why. */
static const struct exception {
    const char *file, *group, *test;
} exceptions[] = {
    /* Content keywords are annotations in every draft: what a string encodes
     * is not a stage's to decode. */
    { "content.json",
      "validation of string-encoded content based on media type",
      "an invalid JSON document" },
    { "content.json", "validation of binary string-encoding",
      "an invalid base64 string (% is not a valid character)" },
    { "content.json", "validation of binary-encoded media type documents",
      "a validly-encoded invalid JSON document" },
    { "content.json", "validation of binary-encoded media type documents",
      "an invalid base64 string that is valid JSON" },
};

static const char *remotes; /* http://localhost:1234/=FOLDER */

static struct schema *compile(const struct suite *s, struct str text,
                              const char *file, struct err *e)
{
    const struct schema_options o = { .draft = s->draft,
                                      .no_format_assertion = !s->formats,
                                      .dirs = &remotes,
                                      .n_dirs = 1 };
    return schema_compile(text, file, &o, e);
}

/* What a text between quotes is. */
static struct str unquoted(struct str s)
{
    return s.n < 2 ? s : (struct str){ s.p + 1, s.n - 2 };
}

static bool excepted(const char *file, struct val group, struct val test)
{
    struct str about = unquoted(json_get(group, STR("description")).raw);
    struct str what = unquoted(json_get(test, STR("description")).raw);
    for (size_t i = 0; i < sizeof(exceptions) / sizeof(*exceptions); i++) {
        const struct exception *x = &exceptions[i];
        if (strcmp(x->file, file) == 0 &&
            json_raw_equals(about, str_of(x->group)) &&
            json_raw_equals(what, str_of(x->test)))
            return true;
    }
    return false;
}

struct tally {
    size_t agreed, wrong, excepted;
    size_t good, quick; /* records that fit; that the quick way accepted */
};

static int read_file(const char *path, struct buf *b)
{
    char block[65536];
    size_t n;
    FILE *f = fopen(path, "rb");
    if (!f)
        return -1;
    buf_reset(b);
    while ((n = fread(block, 1, sizeof(block), f)) > 0)
        buf_add(b, block, n);
    fclose(f);
    return b->failed ? -1 : 0;
}

/* The verdict that we should come to. */
static bool wanted(const char *file, struct val group, struct val test)
{
    bool valid = json_get(test, STR("valid")).type == JSON_TRUE;
    return valid != excepted(file, group, test);
}

/* Checks one test of a group. */
static void run_test(struct schema_run *run, struct val test, const char *file,
                     struct val group, struct tally *t)
{
    const struct schema_error *errors;
    struct err e = { 0 };
    size_t n = 0;
    struct str about = json_get(test, STR("description")).raw;
    bool valid = wanted(file, group, test);
    t->excepted += excepted(file, group, test);
    int have =
        schema_check(run, json_get(test, STR("data")).raw, &errors, &n, &e);
    if (have == valid && (have == 1 || n > 0)) {
        t->agreed++;
        return;
    }
    t->wrong++;
    printf("# %s: %.*s: %.*s: have %d (%s)\n", file,
           STR_ARG(json_get(group, STR("description")).raw), STR_ARG(about),
           have,
           have < 0 ? e.msg
           : have   ? ""
                    : errors[0].code);
}

/* The schema of records that have in v what schema is about. An $id lets
 * references to its root stay what they are. */
static struct schema *wrapped(const struct suite *s, struct val schema)
{
    struct buf b = { 0 };
    struct err e = { 0 };
    struct str text = schema.raw;
    buf_addz(&b, "{\"properties\":{\"v\":");
    if (schema.type == JSON_OBJECT &&
        json_get(schema, STR("$id")).type == JSON_MISSING) {
        struct json_iter it = json_iter(text);
        struct val first;
        buf_addz(&b, "{\"$id\":\"http://wrapped.example/\"");
        buf_addz(&b, json_next(&it, NULL, &first) ? "," : "");
        text = (struct str){ text.p + 1, text.n - 1 };
    }
    buf_add_str(&b, text);
    buf_addz(&b, "}}");
    struct schema *w = compile(s, buf_str(&b), "wrapped", &e);
    buf_free(&b);
    return w;
}

static void run_record(struct schema_run *run, struct shaper *shaper,
                       struct val group, struct val test, const char *file,
                       struct tally *t)
{
    const struct schema_error *errors;
    struct err e;
    size_t n;
    struct buf b = { 0 };
    buf_addz(&b, "{\"v\":");
    buf_add_str(&b, json_get(test, STR("data")).raw);
    buf_addc(&b, '}');
    for (size_t i = 0; i < b.n; i++)
        if (b.p[i] == '\n')
            b.p[i] = ' ';
    const struct shaped *at = shaper_next(shaper, buf_str(&b), 0);
    bool valid = wanted(file, group, test);
    bool quick = at && schema_accept(run, at);
    int fit = schema_check(run, buf_str(&b), &errors, &n, &e);
    if (!at || fit != valid || (quick && !valid)) {
        t->wrong++;
        printf("# %s: %.*s as a record: walk %d, quick %d\n", file,
               STR_ARG(buf_str(&b)), fit, quick);
    }
    t->good += valid;
    t->quick += quick;
    buf_free(&b);
}

static void run_records(const struct suite *s, struct val group,
                        const char *file, struct tally *t)
{
    struct schema *schema = wrapped(s, json_get(group, STR("schema")));
    struct schema_run *run = schema ? schema_run_new(schema) : NULL;
    struct shaper shaper = { 0 };
    struct json_iter it = json_iter(json_get(group, STR("tests")).raw);
    struct val test;
    while (run && json_next(&it, NULL, &test))
        run_record(run, &shaper, group, test, file, t);
    shaper_free(&shaper);
    schema_run_free(run);
    schema_free(schema);
}

static void run_group(const struct suite *s, struct val group, const char *file,
                      struct tally *t)
{
    struct err e = { 0 };
    struct str about = json_get(group, STR("description")).raw;
    struct schema *schema =
        compile(s, json_get(group, STR("schema")).raw, file, &e);
    if (!schema) {
        t->wrong++;
        printf("# %s: %.*s: refused: %s\n", file, STR_ARG(about), e.msg);
        return;
    }
    struct schema_run *run = schema_run_new(schema);
    struct json_iter it = json_iter(json_get(group, STR("tests")).raw);
    struct val test;
    while (run && json_next(&it, NULL, &test))
        run_test(run, test, file, group, t);
    t->wrong += !run || it.broken;
    schema_run_free(run);
    schema_free(schema);
    run_records(s, group, file, t);
}

static void run_file(const struct suite *s, const char *path, const char *file,
                     struct tally *t)
{
    struct buf text = { 0 };
    struct val group;
    if (read_file(path, &text)) {
        printf("# cannot read %s\n", path);
        t->wrong++;
    }
    struct json_iter it = json_iter(buf_str(&text));
    while (json_next(&it, NULL, &group))
        run_group(s, group, file, t);
    buf_free(&text);
}

/* True if nothing was wrong. */
static bool run_suite(const struct suite *s, const char *data, int number)
{
    char path[4096];
    struct dirent *d;
    struct tally t = { 0 };
    size_t files = 0;
    snprintf(path, sizeof(path), "%s/json-schema-test-suite/tests/%s", data,
             s->folder);
    DIR *dir = opendir(path);
    if (!dir) {
        printf(
            "ok %d - %s # skip no json-schema-test-suite in PIPE_TEST_DATA\n",
            number, s->title);
        return true;
    }
    while ((d = readdir(dir)) != NULL) {
        size_t n = strlen(d->d_name);
        if (n <= 5 || strcmp(d->d_name + n - 5, ".json") != 0)
            continue;
        snprintf(path, sizeof(path), "%s/json-schema-test-suite/tests/%s/%s",
                 data, s->folder, d->d_name);
        run_file(s, path, d->d_name, &t);
        files++;
    }
    closedir(dir);
    bool ok = t.wrong == 0 && files > 0 && t.quick > t.good / 2;
    printf("%s %d - %s: %zu verdicts of %zu files agree, %zu excepted, %zu of "
           "%zu good records accepted quickly\n",
           ok ? "ok" : "not ok", number, s->title, t.agreed, files, t.excepted,
           t.quick, t.good);
    return ok;
}

int main(void)
{
    const char *data = getenv("PIPE_TEST_DATA");
    static char map[4096];
    int n = 0, bad = 0;
    data = data ? data : "../shared/data";
    snprintf(map, sizeof(map),
             "http://localhost:1234/=%s/json-schema-test-suite/remotes", data);
    remotes = map;
    for (size_t i = 0; i < sizeof(suites) / sizeof(*suites); i++)
        bad += !run_suite(&suites[i], data, ++n);
    printf("1..%d\n", n);
    return bad != 0;
}
