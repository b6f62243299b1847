/* pipe-validate: pass the records that satisfy a JSON Schema and row checks,
 * and judge the batch as a whole. */
#include "evolve.h"
#include "gates.h"
#include "records.h"

#include <string.h>

#define MODE 1 /* options that exclude each other */

static bool coerce;
static struct evolve_args evolve_args;
static struct gates_args gates_args = { .baseline_runs = BASELINE_RUNS,
                                        .baseline_min = BASELINE_MIN };

static const struct opt opts[] = {
    { OPT_STRING, 's', "schema", "FILE", &evolve_args.subject.schema,
      "JSON Schema, or contract of the Open Data Contract Standard, that every "
      "record has to satisfy; required without --check and --expect",
      NULL, 0, 0, MODE, COMPLETE_FILE, NULL },
    { OPT_LIST, 0, "schema-dir", "DIR", &evolve_args.schema_dirs,
      "folder of schemas that others refer to, known by their $id; as URI=DIR "
      "known by the URI that a reference begins with",
      NULL, 0, 0, 0, COMPLETE_DIR, NULL },
    { OPT_FLAG, 0, "coerce", NULL, &coerce,
      "turn strings that spell a number, true, false or (empty) null into that "
      "value where the schema wants it",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "no-format-assertion", NULL,
      &evolve_args.no_format_assertion,
      "take the keyword format for a comment, as drafts 2019-09 and 2020-12 do",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_LIST, 0, "check", "[warn:][NAME:]EXPR", &gates_args.checks,
      "reject the records for which EXPR is FALSE; repeatable", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_LIST, 0, "expect", "[warn:][NAME:]GATE", &gates_args.expects,
      "fail with 65 where the records that pass do not satisfy GATE as a "
      "whole, such as 'rows >= 1'; repeatable",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "error-format", "FORMAT", &evolve_args.error_format,
      "how to show rejected records on stderr: text for the first 10, json for "
      "all of them; and how --compat prints differences",
      evolve_error_formats, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "baseline", "FILE", &gates_args.baseline,
      "keep the measures of good runs in FILE; default with --pipeline, where "
      "a gate compares with the baseline, is a file under the state",
      NULL, 0, 0, 0, COMPLETE_FILE, NULL },
    { OPT_COUNT, 0, "baseline-runs", "N", &gates_args.baseline_runs,
      "keep the last N runs; default 14", NULL, 1, BASELINE_RUNS_MAX, 0,
      COMPLETE_NONE, NULL },
    { OPT_COUNT, 0, "baseline-min", "N", &gates_args.baseline_min,
      "compare only with a baseline of N runs or more; default 3", NULL, 1,
      BASELINE_RUNS_MAX, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "report", "FILE", &gates_args.report,
      "write what checks and gates came to, as JSON, to FILE", NULL, 0, 0, 0,
      COMPLETE_FILE, NULL },
    { OPT_SIZE, 0, "memory", "SIZE", &gates_args.memory,
      "fail where gates on keys and values need more than SIZE; default half "
      "of the machine's",
      NULL, 1 << 20, 0, 0, COMPLETE_NONE, "PIPE_MEMORY" },
    { OPT_GROUP, 0, "contracts", NULL, NULL,
      "For contracts of the Open Data Contract Standard", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "object", "NAME", &evolve_args.subject.object,
      "object of the contract that the records are; required where there are "
      "several",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "names", "KIND", &evolve_args.subject.names,
      "names that the fields of records have; default physical, where a "
      "property has a physicalName",
      subject_names, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "unchecked", "KIND,...", &evolve_args.subject.unchecked,
      "pass over rules that cannot be checked instead of refusing the "
      "contract: sql, custom, metric, relationships, sla, format, range, items",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_GROUP, 0, "evolution", NULL, NULL, "For schemas that change", NULL, 0,
      0, 0, COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "compat", "KIND", &evolve_args.compat,
      "compare versions of a schema, the oldest first, instead of records; 65 "
      "where the last is not compatible with the one before it (transitive: "
      "with all)",
      evolve_compat_kinds, 0, 0, MODE, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "infer", NULL, &evolve_args.infer,
      "write a schema of the records instead of the records", NULL, 0, 0, MODE,
      COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "strict-infer", NULL, &evolve_args.strict_infer,
      "the same, with enumerations, formats, lengths and bounds as seen, and "
      "no "
      "other properties",
      NULL, 0, 0, MODE, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "pretty", NULL, &evolve_args.pretty,
      "write the inferred schema over several lines, as on a terminal", NULL, 0,
      0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "evolve", "KIND=RULE,...", &evolve_args.policy,
      "fail with 65 where records drift from the schema: add, remove, type "
      "with "
      "allow, approve, block; default add=allow,remove=approve,type=block",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "approve", "FILE", &evolve_args.approved,
      "list of the drift that is approved: lines of a kind and a JSON Pointer",
      NULL, 0, 0, 0, COMPLETE_FILE, NULL },
    { OPT_FLAG, 0, "fill-defaults", NULL, &evolve_args.fill_defaults,
      "give missing properties the default that the schema has for them", NULL,
      0, 0, 0, COMPLETE_NONE, NULL },
    { 0 }
};

static const struct command command = {
    .name = "pipe-validate",
    .summary = "pass records that satisfy a JSON Schema or a data contract, "
               "reject the "
               "rest",
    .usage = "[OPTION...] [-s SCHEMA] [--check EXPR]... [--expect GATE]...",
    .opts = opts,
    .flags = STAGE_EMITS | STAGE_READS | STAGE_REJECTS | STAGE_LANES,
    .notes = "Expressions: man pipeutils-expr",
};

/* Versions of a schema are operands, and differences are no records. */
static const struct command compares = {
    .name = "pipe-validate",
    .summary = "pass records that satisfy a JSON Schema or a data contract, "
               "reject the "
               "rest",
    .usage = "--compat KIND OLD... NEW",
    .opts = opts,
    .flags = STAGE_OPERANDS,
    .operands = COMPLETE_FILE,
};

/* ---- modes */

/* The mark on stdout comes before the options are parsed. */
static const struct command *descriptor(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--compat") == 0 ||
            strncmp(argv[i], "--compat=", 9) == 0)
            return &compares;
    return &command;
}

/* Options of one mode mean nothing to the others. */
static int check_usage(struct stage *st)
{
    const struct evolve_args *a = &evolve_args;
    const char *mode = a->compat         ? "--compat"
                       : a->infer        ? "--infer"
                       : a->strict_infer ? "--strict-infer"
                                         : NULL;
    const char *stray = coerce                 ? "--coerce"
                        : gates_args.checks.n  ? "--check"
                        : gates_args.expects.n ? "--expect"
                        : a->policy            ? "--evolve"
                        : a->approved          ? "--approve"
                        : a->fill_defaults     ? "--fill-defaults"
                        : a->subject.unchecked ? "--unchecked"
                                               : NULL;
    const char *of_contracts = a->subject.object      ? "--object"
                               : a->subject.names     ? "--names"
                               : a->subject.unchecked ? "--unchecked"
                                                      : NULL;
    if (st->cmd == &compares && !a->compat)
        return err_set(&st->err, ERR_USAGE, "--compat is wanted as an option");
    if (mode && stray)
        return err_set(&st->err, ERR_USAGE, "%s is not for %s", stray, mode);
    if (of_contracts && !a->subject.schema && !a->compat)
        return err_set(&st->err, ERR_USAGE, "%s needs --schema", of_contracts);
    if (a->pretty && !a->infer && !a->strict_infer)
        return err_set(&st->err, ERR_USAGE, "--pretty is for --infer");
    return 0;
}

static void work(struct stage *st)
{
    struct records_args args = { coerce, &evolve_args, &gates_args };
    const char *format = evolve_args.error_format;
    if (check_usage(st))
        return;
    if (format)
        st->rejects_as =
            strcmp(format, "json") == 0 ? REJECTS_JSON : REJECTS_TEXT;
    if (evolve_args.compat)
        (void)evolve_compat(st, &evolve_args);
    else if (evolve_args.infer || evolve_args.strict_infer)
        (void)evolve_infer(st, &evolve_args);
    else
        records_validate(st, &args);
}

int main(int argc, char **argv)
{
    struct stage st;
    if (stage_start(&st, descriptor(argc, argv), argc, argv) == 0)
        work(&st);
    return stage_finish(&st);
}
