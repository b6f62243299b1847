#include "sink/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

int view_add_version(struct buf *versions, const char *watermark, struct err *e)
{
    uint64_t v;
    if (!watermark || sscanf(watermark, "{\"version\":%" SCNu64 "}", &v) != 1)
        return 0;
    return buf_add(versions, &v, sizeof(v)) ? err_nomem(e) : 0;
}

size_t view_versions(const struct buf *versions)
{
    return versions->n / sizeof(uint64_t);
}

uint64_t view_version(const struct buf *versions, size_t i)
{
    uint64_t v;
    memcpy(&v, versions->p + i * sizeof(v), sizeof(v));
    return v;
}

bool view_has_version(const struct buf *versions, uint64_t version)
{
    for (size_t i = 0; i < view_versions(versions); i++)
        if (view_version(versions, i) == version)
            return true;
    return false;
}

void view_watermark(uint64_t version, char out[VIEW_WATERMARK])
{
    snprintf(out, VIEW_WATERMARK, "{\"version\":%" PRIu64 "}", version);
}

int view_version_name(struct buf *out, const char *table, uint64_t version)
{
    return buf_addf(out, "%s__%" PRIu64, table, version);
}

uint64_t view_version_of(const char *name, const char *table, bool fold_case)
{
    size_t n = strlen(table);
    uint64_t v;
    char end;
    if ((fold_case ? strncasecmp(name, table, n) : strncmp(name, table, n)) ||
        name[n] != '_' || name[n + 1] != '_' || name[n + 2] < '1' ||
        name[n + 2] > '9')
        return 0;
    return sscanf(name + n + 2, "%9" SCNu64 "%c", &v, &end) == 1 ? v : 0;
}

int view_taken(const char *name, const char *where, const char *what,
               struct err *e)
{
    return err_set(e, ERR_CONFIG,
                   "'%s'%s%s%s is a %s already, and not one that pipe-load "
                   "keeps",
                   name, where ? " in '" : "", where ? where : "",
                   where ? "'" : "", what);
}

int view_check_by(struct table *t, const struct sink_spec *spec, bool decimals,
                  struct err *e)
{
    const struct column *c =
        spec->latest_by.n ? table_find(t, spec->latest_by) : NULL;
    if (spec->latest_by.n && !c)
        return err_set(e, ERR_CONFIG,
                       "option --latest-by: table '%s' has no column '%.*s'",
                       spec->table, STR_ARG(spec->latest_by));
    if (c &&
        ((c->kind == COLUMN_DECIMAL && !decimals) || c->kind == COLUMN_JSON))
        return err_set(e, ERR_CONFIG,
                       "option --latest-by: column '%s' of table '%s' is %s, "
                       "which has no order",
                       c->name, spec->table, c->type);
    return 0;
}
