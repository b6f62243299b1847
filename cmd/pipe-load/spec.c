/* From the command line to what a sink wants. */
#include "load.h"

#include "json/path.h"

#include <stdio.h>
#include <stdlib.h>

static const struct mode {
    enum sink_mode mode;
    bool wants_key, takes_missing;
} modes[] = {
    { SINK_APPEND, false, false },
    { SINK_REPLACE, false, false },
    { SINK_UPSERT, true, true },
};
const char *const load_modes[] = { "append", "replace", "upsert", NULL };

static const struct mode *find_mode(const char *name)
{
    size_t i = 0;
    while (strcmp(load_modes[i], name) != 0)
        i++;
    return &modes[i];
}

/* Appends the columns that a list of paths names to *v. */
static int take_columns(struct stage *st, const char *list, struct str **v,
                        size_t *n_v)
{
    struct path *paths;
    size_t n;
    int r = 0;
    if (path_list_parse(&paths, &n, str_of(list), &st->err))
        return -1;
    struct str *grown = realloc(*v, (*n_v + n) * sizeof(*grown));
    if (!grown)
        r = err_nomem(&st->err);
    else
        *v = grown;
    for (size_t j = 0; r == 0 && j < n; j++) {
        if (paths[j].n != 1 || !paths[j].steps[0].key.p) {
            r = err_set(&st->err, ERR_USAGE,
                        "'%s' is no column: a top-level field is wanted",
                        paths[j].text.p);
            break;
        }
        struct str k = paths[j].steps[0].key;
        char *copy = strndup(k.p, k.n);
        if (!copy)
            r = err_nomem(&st->err);
        else
            (*v)[(*n_v)++] = (struct str){ copy, k.n };
    }
    path_list_free(paths, n);
    return r;
}

static int take_lists(struct stage *st, const struct opt_list *list,
                      struct str **v, size_t *n)
{
    for (size_t i = 0; i < list->n; i++)
        if (take_columns(st, list->v[i], v, n))
            return -1;
    return 0;
}

static int take_names(struct stage *st, struct load *l)
{
    const struct load_args *a = l->args;
    return take_lists(st, &a->keys, &l->keys, &l->n_keys) ||
                   take_lists(st, &a->by, &l->by, &l->n_by) ||
                   take_lists(st, &a->columns, &l->columns, &l->n_columns)
               ? -1
               : 0;
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
    return 0;
}

static int take_partition(struct stage *st, struct load *l)
{
    const char *partition = l->args->partition;
    if (!partition)
        return l->args->all ? buf_addc(&l->partition, '*') : 0;
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

/* Do the options fit the mode? */
static int check_mode(struct stage *st, const struct load_args *a,
                      const struct mode *m)
{
    if (m->mode == SINK_REPLACE && !a->partition && !a->all)
        return err_set(&st->err, ERR_USAGE,
                       "mode replace wants --partition COL=VAL, or --all for "
                       "the whole table");
    if (a->all && m->mode != SINK_REPLACE)
        return err_set(&st->err, ERR_USAGE, "option --all is for mode replace");
    if (m->wants_key && !a->keys.n)
        return err_set(&st->err, ERR_USAGE, "mode %s wants --key", a->mode);
    if (!m->wants_key && a->keys.n)
        return err_set(&st->err, ERR_USAGE, "option --key is not for mode %s",
                       a->mode);
    if (a->missing && !m->takes_missing)
        return err_set(&st->err, ERR_USAGE,
                       "option --missing is for mode upsert");
    return 0;
}

/* Options for files mean nothing to other targets. */
static int check_files(struct stage *st, const struct load_args *a)
{
    const char *stray = a->format      ? "--format"
                        : a->compress  ? "--compress"
                        : a->by.n      ? "--partition-by"
                        : a->columns.n ? "--columns"
                                       : NULL;
    bool csv = a->format && strcmp(a->format, "csv") == 0;
    if (stray && strncmp(st->argv[0], "file:", 5) != 0)
        return err_set(&st->err, ERR_USAGE, "option %s is for target file:DIR",
                       stray);
    if (a->columns.n && !csv)
        return err_set(&st->err, ERR_USAGE,
                       "option --columns is for --format csv");
    return 0;
}

static int check_usage(struct stage *st, const struct load_args *a)
{
    if (st->argc != 1)
        return err_set(&st->err, ERR_USAGE, "one target URI is wanted");
    if (!a->table)
        return err_set(&st->err, ERR_USAGE, "option --table is wanted");
    if (!a->mode)
        return err_set(&st->err, ERR_USAGE,
                       "option --mode is wanted: append, replace or upsert");
    return check_files(st, a) || check_mode(st, a, find_mode(a->mode)) ? -1 : 0;
}

int load_spec(struct stage *st, struct load *l)
{
    const struct load_args *a = l->args;
    if (check_usage(st, a) || take_names(st, l) || take_decimals(st, l) ||
        take_partition(st, l))
        return -1;
    struct sink_spec *spec = &l->spec;
    const char *colon = strchr(st->argv[0], ':');
    spec->uri = st->argv[0];
    spec->target = colon ? colon + 1 : spec->uri;
    spec->table = a->table;
    spec->mode = find_mode(a->mode)->mode;
    spec->mode_name = a->mode;
    spec->all = a->all;
    spec->keys = l->keys;
    spec->n_keys = l->n_keys;
    spec->by = l->by;
    spec->n_by = l->n_by;
    spec->columns = l->columns;
    spec->n_columns = l->n_columns;
    spec->format = a->format;
    spec->compress = a->compress;
    spec->create = a->create;
    spec->dry_run = a->dry_run;
    spec->missing_null = a->missing && strcmp(a->missing, "null") == 0;
    spec->decimals = l->decimals;
    spec->n_decimals = a->decimals.n;
    spec->lock_timeout_ms = a->lock_timeout_ms;
    spec->stop = stage_stopping;
    return 0;
}

static void free_names(struct str *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free((void *)(uintptr_t)v[i].p);
    free(v);
}

void load_spec_free(struct load *l)
{
    free_names(l->keys, l->n_keys);
    free_names(l->by, l->n_by);
    free_names(l->columns, l->n_columns);
    free(l->decimals);
    buf_free(&l->partition);
}
