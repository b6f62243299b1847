/* pipe-load: write a stream into a table, in one transaction with its ledger
 * row, so that running it again changes nothing. */
#include "load.h"

#include <stdlib.h>

static struct load_args args = { .lock_timeout_ms = 10000,
                                 .tmpdir = "/tmp",
                                 .breaker_failures = 5,
                                 .breaker_reset_ms = 60000 };

static const char *const policies[] = { "warn", "refuse", "accept", NULL };
static const char *const missings[] = { "keep", "null", NULL };
static const char *const formats[] = { "ndjson", "csv", "parquet", NULL };
static const char *const packs[] = { "gzip", "zstd", NULL };

#define NO_LIMIT 0
#define PLAIN NULL, 0, NO_LIMIT, 0, COMPLETE_NONE, NULL
#define ONE_OF(group) NULL, 0, NO_LIMIT, group, COMPLETE_NONE, NULL

/* clang-format off */
#define BREAKER                                                               \
    { OPT_COUNT, 0, "breaker-failures", "N", &args.breaker_failures,          \
      "leave the target alone after N loads on end that ended with exit 69 "  \
      "or 75; default 5", NULL, 1, 1000000, 0, COMPLETE_NONE, NULL },         \
    { OPT_TIME, 0, "breaker-reset", "TIME", &args.breaker_reset_ms,           \
      "let one load try when that is so long ago; default 1m", NULL, 1, 0, 0, \
      COMPLETE_NONE, NULL }
#define DRAIN                                                                 \
    { OPT_STRING, 0, "drain", "DIR", &args.drain,                             \
      "load the batches that wait in DIR, each with the options it came "     \
      "with", NULL, 0, 0, 0, COMPLETE_DIR, NULL }
#define ASK                                                                   \
    { OPT_STRING, 0, "ask", "LOAD", &args.ask,                                \
      "print whether LOAD, a JSON object as in the record of a run, is "      \
      "committed: true or false", PLAIN }
#define LOCK_TIMEOUT                                                          \
    { OPT_TIME, 0, "lock-timeout", "TIME", &args.lock_timeout_ms,             \
      "wait so long for another writer; default 10s", PLAIN }
#define TMPDIR_ROW                                                            \
    { OPT_STRING, 0, "tmpdir", "DIR", &args.tmpdir,                           \
      "folder for what has to be held back; default /tmp", NULL, 0, 0, 0,     \
      COMPLETE_DIR, "TMPDIR" }
/* clang-format on */

const struct opt load_options[] = {
    { OPT_STRING, 't', "table", "NAME", &args.table, "the table to load",
      PLAIN },
    { OPT_CHOICE, 'm', "mode", "MODE", &args.mode, "how to write", load_modes,
      0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_LIST, 'k', "key", "COL[,COL...]", &args.keys, "key columns", PLAIN },
    { OPT_STRING, 0, "partition", "COL=VAL", &args.partition,
      "load this partition: replace empties it first; records without COL get "
      "VAL, records with another value are rejected; {date} expands",
      ONE_OF(1) },
    { OPT_STRING, 0, "range", "COL=FROM..TO", &args.range,
      "replace the rows with FROM <= COL < TO; other records are rejected; "
      "{start} and {end} expand",
      ONE_OF(1) },
    { OPT_FLAG, 0, "all", NULL, &args.all, "replace the whole table",
      ONE_OF(1) },
    { OPT_CHOICE, 0, "missing", "WHAT", &args.missing,
      "upsert: what a missing field does to the column; default keep", missings,
      0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_LIST, 0, "track", "COL[,COL...]", &args.tracked,
      "scd2: only changes of these columns make a version; scd3: columns whose "
      "previous value is kept in previous_COL",
      PLAIN },
    { OPT_STRING, 0, "effective", "FIELD", &args.effective,
      "scd2: the time of a change; default the load's clock", PLAIN },
    { OPT_STRING, 0, "scd2-columns", "FROM,TO,CURRENT,HASH", &args.scd2_columns,
      "scd2: their names; default valid_from,valid_to,is_current,row_hash",
      PLAIN },
    { OPT_FLAG, 0, "cdc", NULL, &args.cdc,
      "scd2: records are change events, as they always are in mode cdc",
      PLAIN },
    { OPT_STRING, 0, "source-table", "[SCHEMA.]TABLE", &args.source_table,
      "take the change events of this table, '*' of any; default the first "
      "event's, and others are rejected",
      PLAIN },
    { OPT_STRING, 0, "latest-view", "NAME", &args.latest_view,
      "append: keep a view of the latest row of each --key", PLAIN },
    { OPT_STRING, 0, "latest-by", "COL", &args.latest_by,
      "the latest is the one with the greatest COL, then the one loaded last",
      PLAIN },
    { OPT_COUNT, 0, "keep-versions", "N", &args.keep_versions,
      "versioned: drop all versions but the latest N; default none", NULL, 1,
      NO_LIMIT, 0, COMPLETE_NONE, NULL },
    { OPT_GROUP, 0, "table", NULL, NULL, "Table", PLAIN },
    { OPT_FLAG, 0, "create", NULL, &args.create,
      "create the database, the table and columns that are not there", PLAIN },
    { OPT_STRING, 0, "schema", "FILE", &args.schema,
      "columns follow this JSON Schema, not the records", NULL, 0, 0, 0,
      COMPLETE_FILE, NULL },
    { OPT_STRING, 0, "approve", "FILE", &args.approve,
      "columns that the schema has no more, signed off: \"remove /COL\" lines",
      NULL, 0, 0, 0, COMPLETE_FILE, NULL },
    { OPT_LIST, 0, "decimal", "COL=text|scaled:N", &args.decimals,
      "keep a column's numbers exact: as text, or as integers of 10^-N",
      PLAIN },
    { OPT_STRING, 0, "audit", "all|COL[,COL...]", &args.audit,
      "fill _run_id, _loaded_at and _source in each row", PLAIN },
    { OPT_STRING, 0, "source", "TEXT", &args.source,
      "what --audit writes into _source", PLAIN },
    { OPT_GROUP, 0, "files", NULL, NULL, "Files", PLAIN },
    { OPT_CHOICE, 0, "format", "FORMAT", &args.format,
      "how records are written; default ndjson", formats, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_LIST, 0, "columns", "COL[,COL...]", &args.csv_columns,
      "columns of CSV; default those of the first record", PLAIN },
    { OPT_CHOICE, 0, "compress", "HOW", &args.compress, "compress the files",
      packs, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_LIST, 0, "partition-by", "COL[,COL...]", &args.by,
      "partitions by the records' own values", PLAIN },
    { OPT_GROUP, 0, "commit", NULL, NULL, "Commit", PLAIN },
    { OPT_COUNT, 0, "batch", "N", &args.batch,
      "commit every N records; a restart goes on behind them", NULL, 1,
      NO_LIMIT, 0, COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "batch-time", "TIME", &args.batch_ms,
      "commit what has come when its first record is so old", NULL, 1, NO_LIMIT,
      0, COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "on-unknown", "POLICY", &args.on_unknown,
      "what to do if the upstream cannot be verified; default warn", policies,
      0, 0, 0, COMPLETE_NONE, "PIPE_ON_UNKNOWN" },
    { OPT_FLAG, 0, "allow-empty", NULL, &args.allow_empty,
      "commit zero records also behind an upstream that cannot be verified",
      PLAIN },
    LOCK_TIMEOUT,
    TMPDIR_ROW,
    { OPT_STRING, 0, "latency-field", "FIELD", &args.latency_field,
      "for --metrics: measure how long ago the time in FIELD was when a record "
      "came",
      PLAIN },
    { OPT_FLAG, 'n', "dry-run", NULL, &args.dry_run,
      "do all but commit, and say what would be loaded", PLAIN },
    { OPT_GROUP, 0, "spool", NULL, NULL, "Spool", PLAIN },
    { OPT_STRING, 0, "spool", "DIR", &args.spool,
      "put the batch into DIR, then load what waits there in its order: if the "
      "target is down, it stays for the next run",
      NULL, 0, 0, 0, COMPLETE_DIR, NULL },
    { OPT_FLAG, 0, "spool-ok", NULL, &args.spool_ok,
      "exit with 0, not 75, where the batch is in the spool only", PLAIN },
    DRAIN,
    BREAKER,
    { OPT_GROUP, 0, "ask", NULL, NULL, "Ledger", PLAIN },
    ASK,
    { 0 }
};

static const struct opt drain_options[] = { DRAIN, BREAKER, { 0 } };
static const struct opt ask_options[] = {
    ASK, LOCK_TIMEOUT, TMPDIR_ROW, { 0 }
};

const struct opt *load_more(size_t i)
{
    for (const struct sink_type *const *t = sink_connectors; *t; t++)
        if ((*t)->opts && i-- == 0)
            return (*t)->opts;
    return NULL;
}

#define LOADS                                                               \
    .name = "pipe-load",                                                    \
    .summary = "write records into a table, all or nothing, once",          \
    .usage = "[OPTION...] URI -t TABLE --mode MODE", .opts = load_options,  \
    .more = load_more, .operands = COMPLETE_FILE,                           \
    .notes = "URI is sqlite:FILE, postgresql://[USER@][HOST][:PORT][/DB], " \
             "duckdb:FILE,\nfile:DIR, s3://BUCKET/PREFIX or "               \
             "kafka://HOST[:PORT]; - holds the stream back\nuntil its end " \
             "is known to be good, then passes "                            \
             "it to stdout."

static const struct command loads = {
    LOADS,
    .flags = STAGE_READS | STAGE_REJECTS | STAGE_OPERANDS | STAGE_LOADS,
};
static const struct command passes = {
    LOADS,
    .flags = STAGE_READS | STAGE_REJECTS | STAGE_OPERANDS | STAGE_EMITS,
};

/* No stream, no target: each batch has its own. */
static const struct command drains = {
    .name = "pipe-load",
    .summary = "load the batches that wait in a spool",
    .usage = "--drain DIR [OPTION...]",
    .opts = drain_options,
};

static const struct command asks = {
    .name = "pipe-load",
    .summary = "say whether a load is committed",
    .usage = "--ask LOAD [OPTION...]",
    .opts = ask_options,
    .more = load_more,
};

static bool is_option(const char *word, const char *option)
{
    size_t n = strlen(option);
    return strncmp(word, option, n) == 0 && (word[n] == '\0' || word[n] == '=');
}

/* The mark on stdout comes before the options are parsed. */
static const struct command *descriptor(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "-") == 0)
            return &passes;
        else if (is_option(argv[i], "--drain"))
            return &drains;
        else if (is_option(argv[i], "--ask"))
            return &asks;
    return &loads;
}

static int run(struct stage *st, struct load *l)
{
    bool pass = st->argc && strcmp(st->argv[0], "-") == 0;
    if (args.drain)
        return load_drain(st, &args);
    if (args.ask)
        return load_ask(st, &args);
    if (args.spool && !pass)
        return load_spool(st, l);
    if (args.spool_ok)
        return err_set(&st->err, ERR_USAGE, "option --spool-ok wants --spool");
    return pass ? load_pass(st, l) : load_stream(st, l);
}

int main(int argc, char **argv)
{
    struct stage st;
    struct load l = { .args = &args };
    if (stage_start(&st, descriptor(argc, argv), argc, argv) == 0)
        (void)run(&st, &l);
    sink_close(l.sink);
    load_spec_free(&l);
    sources_free(&l.sources);
    XXH3_freeState(l.hash);
    return stage_finish(&st);
}
