/* pipe-validate: pass the records that satisfy a JSON Schema. */
#include "schema/schema.h"
#include "schema/tally.h"
#include "stage/lane.h"

#include <inttypes.h>
#include <unistd.h>

#define SUMMARY_ROWS 10
#define SUMMARY_BYTES 1000 /* of a pointer: keys may be of any length */

static const char *schema_file;
static bool coerce, no_format_assertion;

static const struct opt opts[] = {
    { OPT_STRING, 's', "schema", "FILE", &schema_file,
      "JSON Schema that every record has to satisfy; required", NULL, 0, 0, 0,
      COMPLETE_FILE, NULL },
    { OPT_FLAG, 0, "coerce", NULL, &coerce,
      "turn strings that spell a number, true, false or (empty) null into that "
      "value where the schema wants it",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "no-format-assertion", NULL, &no_format_assertion,
      "take the keyword format for a comment, as drafts 2019-09 and 2020-12 do",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { 0 }
};

static const struct command command = {
    .name = "pipe-validate",
    .summary = "pass records that satisfy a JSON Schema, reject the rest",
    .usage = "[OPTION...] -s SCHEMA",
    .opts = opts,
    .flags = STAGE_EMITS | STAGE_READS | STAGE_REJECTS | STAGE_LANES,
};

/* What one thread needs. */
struct validate {
    struct schema_run *run;
    struct tally tally;
    struct reason reasons[SCHEMA_MAX_ERRORS];
};

/* Tells what the schema says and we do not check. */
static void show_notes(struct stage *st, struct str notes)
{
    while (notes.n) {
        const char *lf = memchr(notes.p, '\n', notes.n);
        size_t n = lf ? (size_t)(lf - notes.p) : notes.n;
        stage_note(st, "schema %s: %.*s", schema_file, (int)n, notes.p);
        n += lf != NULL;
        notes = (struct str){ notes.p + n, notes.n - n };
    }
}

static struct schema *load(struct stage *st)
{
    struct schema_options options = { .no_format_assertion =
                                          no_format_assertion };
    if (!schema_file) {
        err_set(&st->err, ERR_USAGE,
                "no schema given: --schema FILE is required");
        return NULL;
    }
    struct schema *schema = schema_load(schema_file, &options, &st->err);
    if (schema && st->opts.verbose)
        show_notes(st, schema_notes(schema));
    return schema;
}

static int reject(struct validate *v, struct lane *l, const struct record *rec,
                  const struct schema_error *x, size_t n)
{
    if (tally_add(&v->tally, x, n))
        return err_nomem(lane_err(l));
    for (size_t i = 0; i < n; i++)
        v->reasons[i] = (struct reason){ x[i].code, x[i].path, x[i].message };
    return lane_reject(l, rec, v->reasons, n);
}

/* The long way, for what the quick one does not accept. */
static int check(struct validate *v, struct lane *l, const struct record *rec)
{
    const struct schema_error *errors;
    size_t n;
    struct str text = rec->text;
    if (coerce && schema_coerce(v->run, rec->text, &text, lane_err(l)))
        return -1;
    switch (schema_check(v->run, text, &errors, &n, lane_err(l))) {
    case 1: break;
    case 0: return reject(v, l, rec, errors, n);
    default: return -1;
    }
    return text.p == rec->text.p ? lane_pass_record(l, rec)
                                 : lane_pass(l, text);
}

static int validate(void *worker, struct lane *l, const struct record *recs,
                    int n)
{
    struct validate *v = worker;
    int r = 0;
    for (int i = 0; i < n && r == 0; i++)
        r = schema_accept(v->run, recs[i].shaped)
                ? lane_pass_record(l, &recs[i])
                : check(v, l, &recs[i]);
    return r;
}

/* Which rules rejected most, where somebody looks. */
static void summarise(struct stage *st, struct tally *t)
{
    if (!t->n || !(st->opts.verbose || isatty(STDERR_FILENO)))
        return;
    tally_sort(t);
    for (size_t i = 0; i < t->n && i < SUMMARY_ROWS; i++) {
        struct str rule = t->rows[i].rule;
        if (rule.n > SUMMARY_BYTES)
            rule.n = SUMMARY_BYTES;
        stage_note(st, "%" PRIu64 " rejected by %s%s%.*s", t->rows[i].records,
                   t->rows[i].code, rule.n ? " at " : "", STR_ARG(rule));
    }
    if (t->n > SUMMARY_ROWS || t->others)
        stage_note(st, "and by %zu%s other rules", t->n - SUMMARY_ROWS,
                   t->others ? " or more" : "");
}

static int validate_all(struct stage *st, const struct schema *schema)
{
    static struct validate v[STAGE_JOBS_MAX];
    void *workers[STAGE_JOBS_MAX];
    size_t n = st->opts.jobs;
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        workers[i] = &v[i];
        v[i].run = schema_run_new(schema);
        r = v[i].run ? 0 : err_nomem(&st->err);
    }
    if (r == 0)
        r = lane_run(st, validate, workers, n);
    for (size_t i = 1; i < n; i++)
        (void)tally_merge(&v[0].tally, &v[i].tally);
    summarise(st, &v[0].tally);
    for (size_t i = 0; i < n; i++) {
        schema_run_free(v[i].run);
        tally_free(&v[i].tally);
    }
    return r;
}

int main(int argc, char **argv)
{
    struct stage st;
    struct schema *schema = NULL;
    if (stage_start(&st, &command, argc, argv) == 0 &&
        (schema = load(&st)) != NULL)
        validate_all(&st, schema);
    schema_free(schema);
    return stage_finish(&st);
}
