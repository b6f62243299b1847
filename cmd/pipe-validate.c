/* pipe-validate: pass the records that satisfy a JSON Schema. */
#include "schema/schema.h"
#include "schema/tally.h"
#include "stage/stage.h"

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
    .flags = STAGE_EMITS | STAGE_READS | STAGE_REJECTS,
};

struct validate {
    struct schema *schema;
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

static int prepare(struct stage *st, struct validate *v)
{
    struct schema_options options = { .no_format_assertion =
                                          no_format_assertion };
    if (!schema_file)
        return err_set(&st->err, ERR_USAGE,
                       "no schema given: --schema FILE is required");
    v->schema = schema_load(schema_file, &options, &st->err);
    if (!v->schema)
        return -1;
    v->run = schema_run_new(v->schema);
    if (!v->run)
        return err_nomem(&st->err);
    if (st->opts.verbose)
        show_notes(st, schema_notes(v->schema));
    return 0;
}

static int reject(struct stage *st, struct validate *v,
                  const struct record *rec, const struct schema_error *x,
                  size_t n)
{
    if (tally_add(&v->tally, x, n))
        return err_nomem(&st->err);
    for (size_t i = 0; i < n; i++)
        v->reasons[i] = (struct reason){ x[i].code, x[i].path, x[i].message };
    return stage_reject(st, rec, v->reasons, n);
}

static int validate(struct stage *st, struct validate *v)
{
    struct record rec;
    int r;
    while ((r = stage_next(st, &rec)) == 1) {
        const struct schema_error *errors;
        size_t n;
        struct str text = rec.text;
        if (coerce && schema_coerce(v->run, rec.text, &text, &st->err))
            return -1;
        switch (schema_check(v->run, text, &errors, &n, &st->err)) {
        case 1:
            r = text.p == rec.text.p ? stage_pass_record(st, &rec)
                                     : stage_pass(st, text);
            break;
        case 0: r = reject(st, v, &rec, errors, n); break;
        default: r = -1;
        }
        if (r)
            return -1;
    }
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

int main(int argc, char **argv)
{
    struct stage st;
    static struct validate v;
    if (stage_start(&st, &command, argc, argv) == 0 && prepare(&st, &v) == 0) {
        validate(&st, &v);
        summarise(&st, &v.tally);
    }
    schema_run_free(v.run);
    schema_free(v.schema);
    tally_free(&v.tally);
    return stage_finish(&st);
}
