/* pipe-load: write a stream into a table, in one transaction with its ledger
 * row, so that running it again changes nothing. */
#include "load.h"

#include <stdlib.h>

static struct load_args args = { .lock_timeout_ms = 10000 };

static const char *const policies[] = { "warn", "refuse", "accept", NULL };
static const char *const missings[] = { "keep", "null", NULL };
static const char *const formats[] = { "ndjson", "csv", NULL };
static const char *const packs[] = { "gzip", "zstd", NULL };

static const struct opt rows[] = {
    { OPT_STRING, 't', "table", "NAME", &args.table, "the table to load", NULL,
      0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_CHOICE, 'm', "mode", "MODE", &args.mode, "how to write", load_modes,
      0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_LIST, 'k', "key", "COL[,COL...]", &args.keys,
      "key columns of an upsert", NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "partition", "COL=VAL", &args.partition,
      "load this partition: replace empties it first; records without COL get "
      "VAL, records with another value are rejected; {date} expands",
      NULL, 0, 0, 1, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "all", NULL, &args.all, "replace the whole table", NULL, 0,
      0, 1, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "create", NULL, &args.create,
      "create the database, the table and columns that are not there", NULL, 0,
      0, 0, COMPLETE_NONE, NULL },
    { OPT_LIST, 0, "decimal", "COL=text|scaled:N", &args.decimals,
      "keep a column's numbers exact: as text, or as integers of 10^-N", NULL,
      0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "missing", "WHAT", &args.missing,
      "upsert: what a missing field does to the column; default keep", missings,
      0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "format", "FORMAT", &args.format,
      "files: how records are written; default ndjson", formats, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_LIST, 0, "columns", "COL[,COL...]", &args.columns,
      "CSV files: the columns; default those of the first record", NULL, 0, 0,
      0, COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "compress", "HOW", &args.compress, "files: compress them",
      packs, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_LIST, 0, "partition-by", "COL[,COL...]", &args.by,
      "files: partitions by the records' own values", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "on-unknown", "POLICY", &args.on_unknown,
      "what to do if the upstream cannot be verified; default warn", policies,
      0, 0, 0, COMPLETE_NONE, "PIPE_ON_UNKNOWN" },
    { OPT_FLAG, 0, "allow-empty", NULL, &args.allow_empty,
      "commit zero records also behind an upstream that cannot be verified",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "lock-timeout", "TIME", &args.lock_timeout_ms,
      "wait so long for another writer; default 10s", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_FLAG, 'n', "dry-run", NULL, &args.dry_run,
      "do all but commit, and say what would be loaded", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { 0 }
};

static const struct command command = {
    .name = "pipe-load",
    .summary = "write records into a table, all or nothing, once",
    .usage = "[OPTION...] URI -t TABLE --mode append|replace|upsert",
    .opts = rows,
    .flags = STAGE_READS | STAGE_REJECTS | STAGE_OPERANDS,
    .operands = COMPLETE_FILE,
    .notes = "URI is sqlite:FILE or file:DIR.",
};

int main(int argc, char **argv)
{
    struct stage st;
    struct load l = { .args = &args };
    if (stage_start(&st, &command, argc, argv) == 0)
        (void)load_stream(&st, &l);
    sink_close(l.sink);
    load_spec_free(&l);
    XXH3_freeState(l.hash);
    buf_free(&l.started_at);
    return stage_finish(&st);
}
