/* pipe-load: write a stream into a table, in one transaction with its ledger
 * row, so that running it again changes nothing. */
#include "base/date.h"
#include "base/hash.h"
#include "json/path.h"
#include "sink/sink.h"
#include "stage/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *table, *mode, *partition, *on_unknown, *missing;
static bool all, create, allow_empty, dry_run;
static uint64_t lock_timeout_ms = 10000;
static struct opt_list key_args, decimal_args;

static const char *const modes[] = { "append", "replace", "upsert", NULL };
static const char *const policies[] = { "warn", "refuse", "accept", NULL };
static const char *const missings[] = { "keep", "null", NULL };

static const struct opt rows[] = {
    { OPT_STRING, 't', "table", "NAME", &table, "the table to load", NULL, 0, 0,
      0, COMPLETE_NONE, NULL },
    { OPT_CHOICE, 'm', "mode", "MODE", &mode, "how to write", modes, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_LIST, 'k', "key", "COL[,COL...]", &key_args,
      "key columns of an upsert", NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_STRING, 0, "partition", "COL=VAL", &partition,
      "load this partition: replace empties it first; records without COL get "
      "VAL, records with another value are rejected; {date} expands",
      NULL, 0, 0, 1, COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "all", NULL, &all, "replace the whole table", NULL, 0, 0, 1,
      COMPLETE_NONE, NULL },
    { OPT_FLAG, 0, "create", NULL, &create,
      "create the database, the table and columns that are not there", NULL, 0,
      0, 0, COMPLETE_NONE, NULL },
    { OPT_LIST, 0, "decimal", "COL=text|scaled:N", &decimal_args,
      "keep a column's numbers exact: as text, or as integers of 10^-N", NULL,
      0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "missing", "WHAT", &missing,
      "upsert: what a missing field does to the column; default keep", missings,
      0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_CHOICE, 0, "on-unknown", "POLICY", &on_unknown,
      "what to do if the upstream cannot be verified; default warn", policies,
      0, 0, 0, COMPLETE_NONE, "PIPE_ON_UNKNOWN" },
    { OPT_FLAG, 0, "allow-empty", NULL, &allow_empty,
      "commit zero records also behind an upstream that cannot be verified",
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },
    { OPT_TIME, 0, "lock-timeout", "TIME", &lock_timeout_ms,
      "wait so long for another writer; default 10s", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { OPT_FLAG, 'n', "dry-run", NULL, &dry_run,
      "do all but commit, and say what would be loaded", NULL, 0, 0, 0,
      COMPLETE_NONE, NULL },
    { 0 }
};

static const struct command command = {
    .name = "pipe-load",
    .summary = "write records into a table, all or nothing, once",
    .usage = "[OPTION...] URI -t TABLE --mode append|replace|upsert",
    .opts = rows,
    .flags = STAGE_READS | STAGE_REJECTS | STAGE_OPERANDS | STAGE_LOADS,
    .operands = COMPLETE_FILE,
    .notes = "URI is sqlite:FILE.",
};

/* What the load consists of; owns what the spec borrows. */
struct load {
    struct sink_spec spec;
    struct sink *sink;
    bool begun;
    struct buf partition; /* "COL=VAL" expanded */
    struct str *keys;     /* owned array of owned strings */
    size_t n_keys;
    struct sink_decimal *decimals; /* owned array, names borrowed from argv */
    XXH3_state_t *hash;
    uint64_t bytes;
    struct buf started_at;
};

static int take_keys(struct stage *st, struct load *l)
{
    for (size_t i = 0; i < key_args.n; i++) {
        struct path *paths;
        size_t n;
        if (path_list_parse(&paths, &n, str_of(key_args.v[i]), &st->err))
            return -1;
        struct str *grown =
            realloc(l->keys, (l->n_keys + n) * sizeof(*l->keys));
        if (grown)
            l->keys = grown;
        int r = grown ? 0 : err_nomem(&st->err);
        for (size_t j = 0; r == 0 && j < n; j++) {
            if (paths[j].n != 1 || !paths[j].steps[0].key.p) {
                r = err_set(&st->err, ERR_USAGE,
                            "key '%s' is no column: a top-level field is "
                            "wanted",
                            paths[j].text.p);
                break;
            }
            struct str k = paths[j].steps[0].key;
            char *copy = strndup(k.p, k.n);
            if (!copy)
                r = err_nomem(&st->err);
            else
                l->keys[l->n_keys++] = (struct str){ copy, k.n };
        }
        path_list_free(paths, n);
        if (r)
            return -1;
    }
    return 0;
}

static int take_decimals(struct stage *st, struct load *l)
{
    l->decimals = calloc(decimal_args.n + 1, sizeof(*l->decimals));
    if (!l->decimals)
        return err_nomem(&st->err);
    for (size_t i = 0; i < decimal_args.n; i++) {
        const char *arg = decimal_args.v[i], *eq = strrchr(arg, '=');
        struct sink_decimal *d = &l->decimals[i];
        unsigned places = 0;
        char end;
        bool text = eq && strcmp(eq, "=text") == 0;
        bool scaled = eq && sscanf(eq, "=scaled:%2u%c", &places, &end) == 1 &&
                      places <= 18;
        if (!eq || eq == arg || (!text && !scaled))
            return err_set(&st->err, ERR_USAGE,
                           "option --decimal: '%s' is not COL=text or "
                           "COL=scaled:N with N from 0 to 18",
                           arg);
        *d = (struct sink_decimal){ { arg, (size_t)(eq - arg) }, text, places };
    }
    return 0;
}

static int take_partition(struct stage *st, struct load *l)
{
    if (!partition)
        return 0;
    if (stage_expand(st, &l->partition, partition))
        return -1;
    struct str p = buf_str(&l->partition);
    const char *eq = memchr(p.p, '=', p.n);
    if (!eq || eq == p.p)
        return err_set(&st->err, ERR_USAGE,
                       "option --partition: '%s' is not COL=VAL", partition);
    l->spec.part_column = (struct str){ p.p, (size_t)(eq - p.p) };
    l->spec.part_value =
        (struct str){ eq + 1, p.n - l->spec.part_column.n - 1 };
    return buf_add_str(&st->partition, p) ? err_nomem(&st->err) : 0;
}

static int check_usage(struct stage *st)
{
    if (st->argc != 1)
        return err_set(&st->err, ERR_USAGE, "one target URI is wanted");
    if (!table)
        return err_set(&st->err, ERR_USAGE, "option --table is wanted");
    if (!mode)
        return err_set(&st->err, ERR_USAGE,
                       "option --mode is wanted: append, replace or upsert");
    bool upsert = strcmp(mode, "upsert") == 0;
    if (strcmp(mode, "replace") == 0 && !partition && !all)
        return err_set(&st->err, ERR_USAGE,
                       "mode replace wants --partition COL=VAL, or --all for "
                       "the whole table");
    if (all && strcmp(mode, "replace") != 0)
        return err_set(&st->err, ERR_USAGE, "option --all is for mode replace");
    if (upsert != (key_args.n > 0))
        return err_set(&st->err, ERR_USAGE,
                       upsert ? "mode upsert wants --key"
                              : "option --key is for mode upsert");
    if (missing && !upsert)
        return err_set(&st->err, ERR_USAGE,
                       "option --missing is for mode upsert");
    return 0;
}

/* The connector: before the records, so that a target that is not there is
 * found before anything is read. */
static int prepare(struct stage *st, struct load *l)
{
    if (check_usage(st) || take_keys(st, l) || take_decimals(st, l) ||
        take_partition(st, l))
        return -1;
    l->spec.uri = st->argv[0];
    const char *colon = strchr(l->spec.uri, ':');
    l->spec.target = colon ? colon + 1 : l->spec.uri;
    l->spec.table = table;
    l->spec.mode = strcmp(mode, "append") == 0    ? SINK_APPEND
                   : strcmp(mode, "replace") == 0 ? SINK_REPLACE
                                                  : SINK_UPSERT;
    l->spec.all = all;
    l->spec.keys = l->keys;
    l->spec.n_keys = l->n_keys;
    l->spec.create = create;
    l->spec.dry_run = dry_run;
    l->spec.missing_null = missing && strcmp(missing, "null") == 0;
    l->spec.decimals = l->decimals;
    l->spec.n_decimals = decimal_args.n;
    l->spec.lock_timeout_ms = lock_timeout_ms;
    l->spec.stop = stage_stopping;
    l->hash = XXH3_createState();
    if (!l->hash || XXH3_128bits_reset(l->hash) != XXH_OK ||
        time_format(&l->started_at, time_now()))
        return err_nomem(&st->err);
    l->sink = sink_open(&l->spec, &st->err);
    return l->sink ? 0 : -1;
}

static int begin(struct stage *st, struct load *l)
{
    if (l->begun)
        return 0;
    l->begun = true;
    return sink_begin(l->sink, &st->err);
}

static int write_record(struct stage *st, struct load *l,
                        const struct record *rec)
{
    struct sink_refusal why;
    XXH3_128bits_update(l->hash, rec->text.p, rec->text.n);
    XXH3_128bits_update(l->hash, "\n", 1);
    l->bytes += rec->text.n + 1;
    if (begin(st, l))
        return -1;
    int r = sink_write(l->sink, rec->text, &why, &st->err);
    if (r < 0)
        return -1;
    if (r > 0) {
        st->counts.out++;
        return 0;
    }
    struct buf path = { .max = 65536 };
    if (why.column.n)
        path_pointer(&path, why.column);
    struct reason reason = { why.code, buf_str(&path), str_of(why.message) };
    r = stage_reject(st, rec, &reason, 1);
    buf_free(&path);
    return r;
}

static const char nothing_came[] =
    "nothing committed: no record came, and the upstream cannot be verified "
    "(--allow-empty commits)";

/* It may be what is left of a mistyped command. */
static bool is_doubtful(const struct stage *st)
{
    return st->verdict == VERDICT_UNKNOWN && st->counts.in == 0 && !allow_empty;
}

/* A stream that nobody vouches for: the policy decides. */
static int judge_unknown(struct stage *st)
{
    if (st->verdict != VERDICT_UNKNOWN)
        return 0;
    if (stage_gated(st))
        return 0; /* pipe-run sees how the upstream ended */
    if (is_doubtful(st))
        return err_set(&st->err, ERR_TEMPFAIL, "%s", nothing_came);
    if (on_unknown && strcmp(on_unknown, "accept") == 0)
        return 0;
    if (on_unknown && strcmp(on_unknown, "refuse") == 0)
        return err_set(&st->err, ERR_CONFIG,
                       "nothing committed: the upstream cannot be verified");
    if (dry_run)
        return 0;
    stage_note(st,
               "cannot verify that the upstream ended well: it is no pipeutils "
               "stage, or a shell group or wrapper shares its pipe (start it "
               "with exec); loading all the same");
    return 0;
}

/* Who the run is, if nobody named it: its pipeline, day, table and input. */
static void default_run_id(struct stage *st, const char *input_hash,
                           char id[33])
{
    struct buf b = { 0 };
    const char *parts[] = { st->opts.pipeline, st->opts.date, table,
                            input_hash };
    for (size_t i = 0; i < 4; i++) {
        buf_addz(&b, parts[i] ? parts[i] : "");
        buf_addc(&b, '\0');
    }
    hash128_hex(hash128(buf_str(&b)), id);
    buf_free(&b);
}

/* For the record of the run; then the word of pipe-run, if it runs us. */
static int wait_for_word(struct stage *st, const struct sink_run *run)
{
    const char *const members[][2] = { { "target", st->argv[0] },
                                       { "table", table },
                                       { "mode", mode },
                                       { "partition", run->partition },
                                       { "run_id", run->run_id } };
    struct buf b = { .max = 32768 };
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
        buf_addf(&b, "%c\"%s\":", i ? ',' : '{', members[i][0]);
        json_quote(&b, str_of(members[i][1]));
    }
    buf_addf(&b, ",\"rows\":%llu}", (unsigned long long)run->loaded);
    int r = b.failed ? err_nomem(&st->err)
                     : stage_ready(st, buf_str(&b),
                                   is_doubtful(st) ? nothing_came : NULL);
    buf_free(&b);
    return r;
}

static int settle_with_ledger(struct stage *st, struct load *l)
{
    XXH128_hash_t h = XXH3_128bits_digest(l->hash);
    char input_hash[33], id[33];
    hash128_hex((struct hash128){ h.low64, h.high64 }, input_hash);
    default_run_id(st, input_hash, id);
    struct buf now = { 0 }, before = { 0 };
    time_format(&now, time_now());
    const char *where = partition ? buf_z(&l->partition) : all ? "*" : "";
    struct sink_run run = {
        .pipeline = st->opts.pipeline ? st->opts.pipeline : "",
        .partition = where,
        .run_id = st->opts.run_id ? st->opts.run_id : id,
        .input_bytes = l->bytes,
        .input_hash = input_hash,
        .read = st->counts.in,
        .loaded = st->counts.out,
        .rejected = st->counts.rejected,
        .started_at = buf_z(&l->started_at),
        .loaded_at = buf_z(&now),
    };
    enum sink_outcome outcome = SINK_NEW;
    int r = !where || !run.started_at || !run.loaded_at
                ? err_nomem(&st->err)
                : sink_prepare(l->sink, &run, &outcome, &before, &st->err);
    const char *when = r == 0 ? buf_z(&before) : "";
    if (r == 0 && outcome == SINK_CONFLICT) {
        r = err_set(&st->err, ERR_DATA,
                    "run '%s' was loaded on %s with other records: append "
                    "would double it (another --run-id, or mode replace)",
                    run.run_id, when);
    } else if (r == 0 && outcome == SINK_SAME) {
        stage_note(st, "run '%s' was loaded on %s already: nothing changed",
                   run.run_id, when);
        st->counts.duplicates = st->counts.out;
        st->counts.out = 0;
    } else if (r == 0 && dry_run) {
        stage_note(st, "dry run: would load %llu records into '%s'",
                   (unsigned long long)st->counts.out, table);
    } else if (r == 0) {
        r = wait_for_word(st, &run) ? -1 : sink_commit(l->sink, &st->err);
        if (r == 0 && isatty(STDERR_FILENO))
            stage_note(st, "loaded %llu records into '%s'",
                       (unsigned long long)st->counts.out, table);
    }
    buf_free(&now);
    buf_free(&before);
    return r;
}

static int load(struct stage *st, struct load *l)
{
    struct record rec;
    int r;
    if (prepare(st, l))
        return -1;
    while ((r = stage_next(st, &rec)) > 0)
        if (write_record(st, l, &rec))
            return -1;
    if (r < 0 || judge_unknown(st) || begin(st, l) || stage_settle(st))
        return -1;
    return settle_with_ledger(st, l);
}

static void load_free(struct load *l)
{
    sink_close(l->sink);
    for (size_t i = 0; i < l->n_keys; i++)
        free((void *)(uintptr_t)l->keys[i].p);
    free(l->keys);
    free(l->decimals);
    XXH3_freeState(l->hash);
    buf_free(&l->partition);
    buf_free(&l->started_at);
}

int main(int argc, char **argv)
{
    struct stage st;
    struct load l = { 0 };
    if (stage_start(&st, &command, argc, argv) == 0)
        (void)load(&st, &l);
    load_free(&l);
    return stage_finish(&st);
}
