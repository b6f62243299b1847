#include "sink/scd2.h"

#include "base/date.h"
#include "base/hash.h"
#include "json/key.h"

/* ---- columns ---- */

bool scd2_is_ours(const struct table *t, const struct sink_spec *spec,
                  struct str name)
{
    for (size_t i = 0; spec->mode == SINK_SCD2 && i < SINK_SCD2_COLUMNS; i++)
        if (table_same_name(t, spec->scd2_names[i].p, name))
            return true;
    return false;
}

bool scd2_is_field(const struct column *c)
{
    return !c->derived && !c->dropped;
}

/* Does it make a version? */
static bool is_watched(const struct table *t, const struct sink_spec *spec,
                       const struct column *c)
{
    if (c->key || c->derived || c->audit ||
        (spec->effective.n && table_same_name(t, c->name, spec->effective)))
        return false;
    for (size_t i = 0; i < spec->n_tracked; i++)
        if (table_same_name(t, c->name, spec->tracked[i]))
            return true;
    return spec->n_tracked == 0;
}

int scd2_check(struct table *t, const struct sink_spec *spec,
               bool (*fits)(const struct column *c,
                            enum sink_scd2_column which),
               const char *const wants[SINK_SCD2_COLUMNS], struct err *e)
{
    for (int i = 0; i < SINK_SCD2_COLUMNS; i++) {
        struct str name = spec->scd2_names[i];
        const struct column *c = table_find(t, name);
        if (!c)
            return err_set(e, ERR_CONFIG,
                           "table '%s' has no column '%.*s': mode scd2 keeps "
                           "versions in a table of its own",
                           spec->table, STR_ARG(name));
        if (!fits(c, (enum sink_scd2_column)i))
            return err_set(e, ERR_CONFIG,
                           "column '%s' of table '%s' is %s, mode scd2 wants "
                           "%s",
                           c->name, spec->table, c->type, wants[i]);
    }
    return 0;
}

/* ---- times ---- */

static bool write_time(int64_t us, char out[SCD2_TIME_LEN + 1])
{
    struct buf b = { 0 };
    bool good = time_format(&b, us) == 0 && b.n >= 20 && b.n <= SCD2_TIME_LEN;
    if (good) {
        memcpy(out, "0000-00-00T00:00:00.000000Z", SCD2_TIME_LEN + 1);
        memcpy(out, b.p, b.n - 1); /* all but the Z */
    }
    buf_free(&b);
    return good;
}

bool scd2_read_time(const struct sink_spec *spec, struct str text,
                    char out[SCD2_TIME_LEN + 1])
{
    int64_t us;
    return time_parse(text, spec->tz, &us) && write_time(us, out);
}

static int no_time(struct sink_refusal *why, struct str column, struct str text)
{
    return sink_refusef(why, "effective_time", column,
                        "is %.*s, no time to be effective from",
                        text.n ? (int)(text.n > 60 ? 60 : text.n) : 7,
                        text.n ? text.p : "missing");
}

int scd2_effective(struct table *t, const struct sink_spec *spec,
                   const struct sink_record *r, char at[SCD2_TIME_LEN + 1],
                   bool *clock, struct sink_refusal *why)
{
    *clock = false;
    if (spec->effective.n && r->op == SINK_ROW) {
        const struct column *c = table_find(t, spec->effective);
        struct str raw =
            c && c->val.type != JSON_MISSING ? c->val.raw : STR("");
        if (c && c->val.type == JSON_STRING &&
            scd2_read_time(spec, (struct str){ raw.p + 1, raw.n - 2 }, at))
            return 1;
        return no_time(why, spec->effective, raw);
    }
    *clock = r->at.n == 0;
    if (scd2_read_time(spec, *clock ? str_of(spec->now) : r->at, at))
        return 1;
    return no_time(why, STR(""), r->at);
}

/* ---- the hash ---- */

/* The sum over the fields, so that their order does not count, nor a field
 * without a value. */
int scd2_hash(const struct table *t, const struct sink_spec *spec,
              struct buf *scratch, char hex[33], struct err *e)
{
    struct hash128 sum = { 0, 0 };
    for (size_t i = 0; i < t->n; i++) {
        const struct column *c = &t->v[i];
        if (c->val.type <= JSON_NULL || !is_watched(t, spec, c))
            continue;
        buf_reset(scratch);
        buf_add(scratch, c->name, strlen(c->name) + 1);
        size_t start = scratch->n;
        int r = key_add(scratch, c->val);
        if (r == -2) { /* beyond all computing: as it is written */
            scratch->n = start;
            r = buf_add_str(scratch, c->val.raw);
        }
        if (r || scratch->failed)
            return err_nomem(e);
        struct hash128 h = hash128(buf_str(scratch));
        sum.lo += h.lo;
        sum.hi += h.hi;
    }
    hash128_hex(sum, hex);
    return 0;
}
