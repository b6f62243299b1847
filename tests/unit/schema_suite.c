/* The JSON Schema Test Suite, read from $PIPE_TEST_DATA/json-schema-test-suite.
 *
 * Every required test of the drafts is run. In the files named below a schema
 * that we refuse is a failure too; in the others, which are about keywords that
 * the compiler refuses by name, what it accepts must agree all the same: it
 * never gives a wrong verdict in silence.
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
    struct schema_options options;
    const char *files; /* those we implement whole; NULL: all listed there */
};

#define COMMON                                                                 \
    " additionalProperties allOf anyOf boolean_schema const contains default " \
    "enum exclusiveMaximum exclusiveMinimum format if-then-else "              \
    "infinite-loop-detection items maxItems maxLength maxProperties maximum "  \
    "minItems minLength minProperties minimum multipleOf oneOf pattern "       \
    "patternProperties properties propertyNames required type uniqueItems "
#define LATER \
    "dependentRequired dependentSchemas maxContains minContains content "

static const struct suite suites[] = {
    { "draft-07",
      "draft7",
      { DRAFT_07, true },
      COMMON "not additionalItems dependencies " },
    { "2019-09",
      "draft2019-09",
      { DRAFT_2019_09, true },
      COMMON LATER "additionalItems " },
    { "2020-12",
      "draft2020-12",
      { DRAFT_2020_12, true },
      COMMON LATER "prefixItems " },
    { "draft-07 big numbers",
      "draft7/optional",
      { DRAFT_07, true },
      " bignum float-overflow " },
    { "2020-12 big numbers",
      "draft2020-12/optional",
      { DRAFT_2020_12, true },
      " bignum float-overflow no-schema dependencies-compatibility " },
    { "draft-07 formats",
      "draft7/optional/format",
      { DRAFT_07, false },
      " date date-time email ipv4 ipv6 time unknown " },
    { "2020-12 formats",
      "draft2020-12/optional/format",
      { DRAFT_2020_12, false },
      " date date-time email ipv4 ipv6 time unknown uuid " },
};

struct tally {
    size_t agreed, wrong, refused;
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

/* Checks one test of a group. */
static void run_test(struct schema_run *run, struct val test, const char *file,
                     struct str group, struct tally *t)
{
    const struct schema_error *errors;
    struct err e = { 0 };
    size_t n = 0;
    struct str about = json_get(test, STR("description")).raw;
    bool valid = json_get(test, STR("valid")).type == JSON_TRUE;
    int have =
        schema_check(run, json_get(test, STR("data")).raw, &errors, &n, &e);
    if (have == valid && (have == 1 || n > 0)) {
        t->agreed++;
        return;
    }
    t->wrong++;
    printf("# %s: %.*s: %.*s: have %d (%s)\n", file, STR_ARG(group),
           STR_ARG(about), have,
           have < 0 ? e.msg
           : have   ? ""
                    : errors[0].code);
}

/* The schema of records that have in v what schema is about. An $id lets
 * references to its root stay what they are. */
static struct schema *wrapped(const struct suite *s, struct val schema)
{
    struct buf b = { 0 };
    struct err e;
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
    struct schema *w = schema_compile(buf_str(&b), "wrapped", &s->options, &e);
    buf_free(&b);
    return w;
}

static void run_record(struct schema_run *run, struct shaper *shaper,
                       struct val test, const char *file, struct tally *t)
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
    bool valid = json_get(test, STR("valid")).type == JSON_TRUE;
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
        run_record(run, &shaper, test, file, t);
    shaper_free(&shaper);
    schema_run_free(run);
    schema_free(schema);
}

static void run_group(const struct suite *s, struct val group, const char *file,
                      bool whole, struct tally *t)
{
    struct err e = { 0 };
    struct str about = json_get(group, STR("description")).raw;
    struct schema *schema = schema_compile(json_get(group, STR("schema")).raw,
                                           file, &s->options, &e);
    if (!schema) {
        t->refused++;
        t->wrong += whole || e.code != ERR_CONFIG;
        if (whole || e.code != ERR_CONFIG)
            printf("# %s: %.*s: refused: %s\n", file, STR_ARG(about), e.msg);
        return;
    }
    struct schema_run *run = schema_run_new(schema);
    struct json_iter it = json_iter(json_get(group, STR("tests")).raw);
    struct val test;
    while (run && json_next(&it, NULL, &test))
        run_test(run, test, file, about, t);
    t->wrong += !run || it.broken;
    schema_run_free(run);
    schema_free(schema);
    run_records(s, group, file, t);
}

static bool listed(const struct suite *s, const char *file)
{
    char word[256];
    snprintf(word, sizeof(word), " %.*s ", (int)(strlen(file) - 5), file);
    return strstr(s->files, word) != NULL;
}

/* Number of files that the suite lists. */
static size_t listed_size(const struct suite *s)
{
    size_t n = 0;
    for (const char *p = s->files; *p; p++)
        n += p[0] == ' ' && p[1] != '\0';
    return n;
}

/* True if nothing was wrong. */
static bool run_suite(const struct suite *s, const char *data, int number)
{
    char path[4096];
    struct dirent *d;
    struct tally t = { 0 };
    struct buf text = { 0 };
    size_t files = 0;
    bool optional = strstr(s->folder, "optional") != NULL;
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
        bool whole = n > 5 && listed(s, d->d_name);
        if (n <= 5 || strcmp(d->d_name + n - 5, ".json") != 0 ||
            (optional && !whole))
            continue;
        snprintf(path, sizeof(path), "%s/json-schema-test-suite/tests/%s/%s",
                 data, s->folder, d->d_name);
        if (read_file(path, &text)) {
            printf("# cannot read %s\n", path);
            t.wrong++;
            continue;
        }
        struct json_iter it = json_iter(buf_str(&text));
        struct val group;
        files += whole;
        while (json_next(&it, NULL, &group))
            run_group(s, group, d->d_name, whole, &t);
    }
    closedir(dir);
    buf_free(&text);
    bool ok = t.wrong == 0 && files == listed_size(s) && t.quick > t.good / 2;
    printf(
        "%s %d - %s: %zu verdicts agree, %zu of %zu files whole, %zu schemas "
        "of others refused, %zu of %zu good records accepted quickly\n",
        ok ? "ok" : "not ok", number, s->title, t.agreed, files, listed_size(s),
        t.refused, t.quick, t.good);
    return ok;
}

int main(void)
{
    const char *data = getenv("PIPE_TEST_DATA");
    int n = 0, bad = 0;
    for (size_t i = 0; i < sizeof(suites) / sizeof(*suites); i++)
        bad += !run_suite(&suites[i], data ? data : "../shared/data", ++n);
    printf("1..%d\n", n);
    return bad != 0;
}
