/* From the command line to what a sink wants. */
#include "load.h"

#include "base/date.h"
#include "json/path.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    WANTS_KEY = 1,
    TAKES_MISSING = 2,
    TAKES_PARTITION = 4,
    TAKES_BATCHES = 8,
};

static const struct mode {
    const char *name;
    enum sink_mode mode;
    unsigned flags;
} modes[] = {
    { "append", SINK_APPEND, TAKES_PARTITION | TAKES_BATCHES },
    { "insert", SINK_INSERT, WANTS_KEY | TAKES_PARTITION | TAKES_BATCHES },
    { "upsert", SINK_UPSERT,
      WANTS_KEY | TAKES_MISSING | TAKES_PARTITION | TAKES_BATCHES },
    { "replace", SINK_REPLACE, TAKES_PARTITION },
    { "delete-insert", SINK_DELETE_INSERT, WANTS_KEY | TAKES_PARTITION },
    { "scd1", SINK_UPSERT,
      WANTS_KEY | TAKES_MISSING | TAKES_PARTITION | TAKES_BATCHES },
    { "scd2", SINK_SCD2, WANTS_KEY | TAKES_BATCHES },
    { "scd3", SINK_SCD3, WANTS_KEY | TAKES_MISSING | TAKES_BATCHES },
    { "cdc", SINK_CDC, WANTS_KEY | TAKES_BATCHES },
    { "versioned", SINK_VERSIONED, 0 },
};
const char *const load_modes[] = {
    "append", "insert", "upsert",    "replace", "delete-insert", "scd1", "scd2",
    "scd3",   "cdc",    "versioned", NULL
};

static const struct mode *find_mode(const char *name)
{
    size_t i = 0;
    while (strcmp(modes[i].name, name) != 0)
        i++;
    return &modes[i];
}

/* ---- columns */

/* Appends the columns that a list of paths names. */
static int take_columns(struct stage *st, const char *option, const char *list,
                        struct columns *c)
{
    struct path *paths;
    size_t n;
    int r = 0;
    if (path_list_parse(&paths, &n, str_of(list), &st->err))
        return -1;
    struct str *grown = realloc(c->v, (c->n + n) * sizeof(*grown));
    if (!grown)
        r = err_nomem(&st->err);
    else
        c->v = grown;
    for (size_t j = 0; r == 0 && j < n; j++) {
        if (paths[j].n != 1 || !paths[j].steps[0].key.p) {
            r = err_set(&st->err, ERR_USAGE,
                        "option --%s: '%s' is no column: a top-level field is "
                        "wanted",
                        option, paths[j].text.p);
            break;
        }
        struct str k = paths[j].steps[0].key;
        char *copy = strndup(k.p, k.n);
        if (!copy)
            r = err_nomem(&st->err);
        else
            c->v[c->n++] = (struct str){ copy, k.n };
    }
    path_list_free(paths, n);
    return r;
}

static void free_columns(struct columns *c)
{
    for (size_t i = 0; i < c->n; i++)
        free((void *)(uintptr_t)c->v[i].p);
    free(c->v);
}

static int take_lists(struct stage *st, const char *option,
                      const struct opt_list *lists, struct columns *c)
{
    for (size_t i = 0; i < lists->n; i++)
        if (take_columns(st, option, lists->v[i], c))
            return -1;
    return 0;
}

/* The one column that an option names. */
static int take_column(struct stage *st, const char *option, const char *text,
                       struct columns *c, struct str *name)
{
    if (!text)
        return 0;
    if (take_columns(st, option, text, c))
        return -1;
    if (c->n != 1)
        return err_set(&st->err, ERR_USAGE,
                       "option --%s: '%s' is not one column", option, text);
    *name = c->v[0];
    return 0;
}

static int take_scd2_columns(struct stage *st, struct load *l)
{
    const struct str defaults[SINK_SCD2_COLUMNS] = {
        [SINK_VALID_FROM] = STR("valid_from"),
        [SINK_VALID_TO] = STR("valid_to"),
        [SINK_IS_CURRENT] = STR("is_current"),
        [SINK_ROW_HASH] = STR("row_hash"),
    };
    const char *text = l->args->scd2_columns;
    memcpy(l->spec.scd2_names, defaults, sizeof(defaults));
    if (!text)
        return 0;
    if (take_columns(st, "scd2-columns", text, &l->scd2))
        return -1;
    if (l->scd2.n != SINK_SCD2_COLUMNS)
        return err_set(&st->err, ERR_USAGE,
                       "option --scd2-columns: '%s' is not %d columns", text,
                       SINK_SCD2_COLUMNS);
    memcpy(l->spec.scd2_names, l->scd2.v, sizeof(l->spec.scd2_names));
    return 0;
}

static int take_decimals(struct stage *st, struct load *l)
{
    const struct opt_list *args = &l->args->decimals;
    l->decimals = calloc(args->n + 1, sizeof(*l->decimals));
    if (!l->decimals)
        return err_nomem(&st->err);
    for (size_t i = 0; i < args->n; i++) {
        const char *arg = args->v[i], *eq = strrchr(arg, '=');
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
    l->spec.decimals = l->decimals;
    l->spec.n_decimals = args->n;
    return 0;
}

/* ---- what is replaced */

static int bad_range(struct stage *st, const char *text)
{
    return err_set(&st->err, ERR_USAGE,
                   "option --range: '%s' is not COL=FROM..TO", text);
}

static int take_partition(struct stage *st, struct load *l)
{
    const struct load_args *a = l->args;
    const char *text = a->partition ? a->partition : a->range;
    struct sink_spec *spec = &l->spec;
    if (!text)
        return a->all ? buf_addc(&l->partition, '*') : 0;
    if (stage_expand(st, &l->partition, text))
        return -1;
    struct str p = buf_str(&l->partition);
    const char *eq = memchr(p.p, '=', p.n);
    if (!eq || eq == p.p)
        return a->range
                   ? bad_range(st, text)
                   : err_set(&st->err, ERR_USAGE,
                             "option --partition: '%s' is not COL=VAL", text);
    spec->part_column = (struct str){ p.p, (size_t)(eq - p.p) };
    struct str value = { eq + 1, p.n - spec->part_column.n - 1 };
    if (a->range) {
        const char *dots = memmem(value.p, value.n, "..", 2);
        if (!dots || dots == value.p || dots + 2 == value.p + value.n)
            return bad_range(st, text);
        spec->range_from = (struct str){ value.p, (size_t)(dots - value.p) };
        spec->range_to =
            (struct str){ dots + 2, value.n - spec->range_from.n - 2 };
    } else {
        spec->part_value = value;
    }
    return buf_add_str(&st->partition, p) ? err_nomem(&st->err) : 0;
}

/* ---- audit columns */

static int take_audit(struct stage *st, struct load *l)
{
    const struct load_args *a = l->args;
    struct sink_spec *spec = &l->spec;
    const struct {
        struct str name;
        const char *value;
    } known[AUDIT_COLUMNS] = { { STR("_run_id"), st->opts.run_id },
                               { STR("_loaded_at"), spec->now },
                               { STR("_source"), a->source } };
    bool all = strcmp(a->audit, "all") == 0;
    const char *p = a->audit;
    for (size_t i = 0; all && i < AUDIT_COLUMNS; i++) {
        if (!known[i].value)
            continue; /* checked below for what is named */
        l->audit_names[spec->n_audit] = known[i].name;
        l->audit_values[spec->n_audit++] = str_of(known[i].value);
    }
    while (!all && *p) {
        struct str word = { p, strcspn(p, ",") };
        size_t i = 0, j = 0;
        while (i < AUDIT_COLUMNS && !str_eq(word, known[i].name))
            i++;
        while (i < AUDIT_COLUMNS && j < spec->n_audit &&
               !str_eq(word, l->audit_names[j]))
            j++;
        if (i == AUDIT_COLUMNS || j < spec->n_audit)
            return err_set(&st->err, ERR_USAGE,
                           "option --audit: '%s' is not all, nor a list of "
                           "_run_id, _loaded_at and _source",
                           a->audit);
        if (!known[i].value && strcmp(known[i].name.p, "_source") == 0)
            return err_set(&st->err, ERR_USAGE,
                           "option --audit: _source wants --source");
        l->audit_names[spec->n_audit] = known[i].name;
        l->audit_values[spec->n_audit++] =
            str_of(known[i].value ? known[i].value : "");
        p += word.n + (p[word.n] == ',');
    }
    spec->audit_names = l->audit_names;
    spec->audit_values = l->audit_values;
    return 0;
}

/* ---- what fits what */

static int check_needs(struct stage *st, const struct load_args *a,
                       const struct mode *m)
{
    bool key =
        m->flags & WANTS_KEY || (m->mode == SINK_APPEND && a->latest_view);
    if (m->mode == SINK_REPLACE && !a->partition && !a->range && !a->all)
        return err_set(&st->err, ERR_USAGE,
                       "mode replace wants --partition COL=VAL, --range "
                       "COL=FROM..TO, or --all for the whole table");
    if (key && !a->keys.n)
        return err_set(&st->err, ERR_USAGE, "%s %s wants --key",
                       m->flags & WANTS_KEY ? "mode" : "option",
                       m->flags & WANTS_KEY ? a->mode : "--latest-view");
    if (!key && a->keys.n &&
        !(m->mode == SINK_APPEND && sink_offers(st->argv[0], SINK_KEYED)))
        return err_set(&st->err, ERR_USAGE, "option --key is not for mode %s",
                       a->mode);
    if (m->mode == SINK_SCD3 && !a->tracked.n)
        return err_set(&st->err, ERR_USAGE, "mode scd3 wants --track");
    if (a->latest_by && !a->latest_view)
        return err_set(&st->err, ERR_USAGE,
                       "option --latest-by wants --latest-view");
    if (a->source && !a->audit)
        return err_set(&st->err, ERR_USAGE, "option --source wants --audit");
    if (a->approve && !a->schema)
        return err_set(&st->err, ERR_USAGE, "option --approve wants --schema");
    if (a->audit && !st->opts.run_id)
        return err_set(&st->err, ERR_USAGE,
                       "option --audit wants --run-id: rows name their run");
    if ((a->batch || a->batch_ms) && stage_gated(st))
        return err_set(&st->err, ERR_USAGE,
                       "options --batch and --batch-time commit before the "
                       "pipeline has ended: not under pipe-run");
    /* With a pipeline, records may carry positions: those tell as well. */
    if ((a->batch || a->batch_ms) && !st->opts.run_id && !st->opts.pipeline)
        return err_set(&st->err, ERR_USAGE,
                       "options --batch and --batch-time want --run-id: a "
                       "restart finds its batches by it");
    return 0;
}

/* Options that only some modes have. */
static int check_mode(struct stage *st, const struct load_args *a,
                      const struct mode *m)
{
    const struct {
        const char *name;
        bool given, fits;
        const char *modes;
    } rows[] = {
        { "all", a->all, m->mode == SINK_REPLACE, "replace" },
        { "partition", a->partition, m->flags & TAKES_PARTITION,
          "append, insert, upsert, replace and delete-insert" },
        { "range", a->range, m->mode == SINK_REPLACE, "replace" },
        { "missing", a->missing, m->flags & TAKES_MISSING, "upsert and scd3" },
        { "track", a->tracked.n > 0,
          m->mode == SINK_SCD2 || m->mode == SINK_SCD3, "scd2 and scd3" },
        { "effective", a->effective, m->mode == SINK_SCD2, "scd2" },
        { "scd2-columns", a->scd2_columns, m->mode == SINK_SCD2, "scd2" },
        { "latest-view", a->latest_view, m->mode == SINK_APPEND, "append" },
        { "cdc", a->cdc, m->mode == SINK_SCD2 || m->mode == SINK_CDC,
          "scd2 and cdc" },
        { "source-table", a->source_table, a->cdc || m->mode == SINK_CDC,
          "cdc, and scd2 with --cdc" },
        { "keep-versions", a->keep_versions > 0, m->mode == SINK_VERSIONED,
          "versioned" },
        { "batch", a->batch || a->batch_ms, m->flags & TAKES_BATCHES,
          "append, insert, upsert, scd1, scd2 and scd3" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (rows[i].given && !rows[i].fits)
            return err_set(&st->err, ERR_USAGE,
                           "option --%s is for mode %s, not %s", rows[i].name,
                           rows[i].modes, a->mode);
    return check_needs(st, a, m);
}

/* Options for files mean nothing to other targets. */
static int check_files(struct stage *st, const struct load_args *a)
{
    const char *stray = a->format          ? "format"
                        : a->compress      ? "compress"
                        : a->by.n          ? "partition-by"
                        : a->csv_columns.n ? "columns"
                                           : NULL;
    bool csv = a->format && strcmp(a->format, "csv") == 0;
    bool objects = strncmp(st->argv[0], "s3:", 3) == 0;
    if (stray && !objects && strncmp(st->argv[0], "file:", 5) != 0)
        return err_set(&st->err, ERR_USAGE,
                       "option --%s is for targets file: and s3:", stray);
    if (a->csv_columns.n && !csv)
        return err_set(&st->err, ERR_USAGE,
                       "option --columns is for --format csv");
    return 0;
}

static int check_usage(struct stage *st, const struct load_args *a)
{
    if (st->argc > 1)
        return err_set(&st->err, ERR_USAGE,
                       "unexpected operand '%s': one target URI is wanted",
                       st->argv[1]);
    if (st->argc != 1)
        return err_set(&st->err, ERR_USAGE, "one target URI is wanted");
    if (!a->table)
        return err_set(&st->err, ERR_USAGE, "option --table is wanted");
    if (!a->mode)
        return err_set(&st->err, ERR_USAGE,
                       "option --mode is wanted: append, insert, upsert, "
                       "replace ...");
    return check_files(st, a) || check_mode(st, a, find_mode(a->mode)) ? -1 : 0;
}

static int same_name(struct stage *st, struct str name, const char *what)
{
    return err_set(&st->err, ERR_USAGE, "column '%.*s' is %s too",
                   STR_ARG(name), what);
}

/* Columns that the load fills are no fields of the records. */
static int check_names(struct stage *st, const struct load *l)
{
    const struct sink_spec *s = &l->spec;
    for (size_t i = 0; i < l->keys.n; i++) {
        for (size_t j = 0; j < i; j++)
            if (str_eq(l->keys.v[i], l->keys.v[j]))
                return same_name(st, l->keys.v[i], "a key");
        for (size_t j = 0; j < l->tracked.n; j++)
            if (str_eq(l->keys.v[i], l->tracked.v[j]))
                return same_name(st, l->keys.v[i], "a tracked column");
    }
    for (size_t i = 0; s->mode == SINK_SCD2 && i < SINK_SCD2_COLUMNS; i++) {
        struct str name = s->scd2_names[i];
        for (size_t j = 0; j < i; j++)
            if (str_eq(name, s->scd2_names[j]))
                return same_name(st, name, "another column of --scd2-columns");
        for (size_t j = 0; j < l->keys.n; j++)
            if (str_eq(name, l->keys.v[j]))
                return same_name(st, name, "a key");
        if (str_eq(name, s->effective))
            return same_name(st, name, "one of mode scd2");
    }
    return 0;
}

static int take_events(struct load *l, struct err *e)
{
    const struct load_args *a = l->args;
    if (!a->cdc && l->spec.mode != SINK_CDC)
        return 0;
    l->cdc = cdc_new(l->keys.v, l->keys.n,
                     str_of(a->source_table ? a->source_table : ""));
    return l->cdc ? 0 : err_nomem(e);
}

static void fill_plain(struct stage *st, struct load *l)
{
    const struct load_args *a = l->args;
    struct sink_spec *spec = &l->spec;
    const char *colon = strchr(st->argv[0], ':');
    spec->uri = st->argv[0];
    spec->target = colon ? colon + 1 : spec->uri;
    spec->table = a->table;
    spec->pipeline = st->opts.pipeline;
    spec->run_id = st->opts.run_id;
    spec->mode = find_mode(a->mode)->mode;
    spec->mode_name = a->mode;
    spec->all = a->all;
    spec->keys = l->keys.v;
    spec->n_keys = l->keys.n;
    spec->tracked = l->tracked.v;
    spec->n_tracked = l->tracked.n;
    spec->by = l->by.v;
    spec->n_by = l->by.n;
    spec->csv_columns = l->csv.v;
    spec->n_csv_columns = l->csv.n;
    spec->format = a->format;
    spec->compress = a->compress;
    spec->tz = st->opts.tz;
    spec->latest_view = a->latest_view;
    spec->keep_versions = a->keep_versions;
    spec->create = a->create;
    spec->dry_run = a->dry_run;
    spec->batches = a->batch || a->batch_ms;
    spec->missing_null = a->missing && strcmp(a->missing, "null") == 0;
    spec->lock_timeout_ms = a->lock_timeout_ms;
    spec->tmpdir = a->tmpdir;
    spec->stop = stage_stopping;
}

int load_spec(struct stage *st, struct load *l)
{
    const struct load_args *a = l->args;
    struct sink_spec *spec = &l->spec;
    if (check_usage(st, a) || time_format(&l->started_at, time_now()) ||
        take_lists(st, "key", &a->keys, &l->keys) ||
        take_lists(st, "track", &a->tracked, &l->tracked) ||
        take_lists(st, "partition-by", &a->by, &l->by) ||
        take_lists(st, "columns", &a->csv_columns, &l->csv) ||
        take_column(st, "effective", a->effective, &l->effective,
                    &spec->effective) ||
        take_column(st, "latest-by", a->latest_by, &l->latest_by,
                    &spec->latest_by) ||
        take_scd2_columns(st, l) || take_decimals(st, l) ||
        take_partition(st, l))
        return -1;
    fill_plain(st, l);
    spec->now = buf_z(&l->started_at);
    if (!spec->now)
        return err_nomem(&st->err);
    return take_events(l, &st->err) || check_names(st, l) ||
                   (a->audit && take_audit(st, l)) || load_declare(l, &st->err)
               ? -1
               : 0;
}

void load_spec_free(struct load *l)
{
    struct columns *lists[] = { &l->keys,      &l->tracked, &l->effective,
                                &l->latest_by, &l->scd2,    &l->by,
                                &l->csv };
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
        free_columns(lists[i]);
    free(l->decimals);
    load_declare_free(l);
    cdc_free(l->cdc);
    select_free(l->latency);
    buf_free(&l->partition);
    buf_free(&l->started_at);
}
