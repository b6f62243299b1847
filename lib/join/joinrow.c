#include "join/joinrow.h"

#include "lineage/colmap.h"

#include <stdlib.h>
#include <strings.h>

static int add_name(struct joinrow *r, struct str raw, struct str name,
                    uint32_t *id, struct err *e)
{
    if (keyset_insert(&r->by_name, keyset_hash(&r->by_name, name), name, id,
                      e) < 0)
        return -1;
    if (*id < r->n)
        return 0;
    if (r->n == JOINROW_NAMES_MAX)
        return err_set(e, ERR_DATA,
                       "reference has more than %d different fields: say which "
                       "with --fields",
                       JOINROW_NAMES_MAX);
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 16;
        struct joinrow_name *names = realloc(r->names, cap * sizeof(*names));
        if (!names)
            return err_nomem(e);
        r->names = names;
        uint32_t *order = realloc(r->order, cap * sizeof(*order));
        if (!order)
            return err_nomem(e);
        r->order = order;
        r->cap = cap;
    }
    struct joinrow_name *n = &r->names[r->n];
    *n = (struct joinrow_name){ 0 };
    r->n++; /* what it holds is freed from here on */
    if (r->prefix)
        buf_addz(&n->name, r->prefix);
    buf_add_str(&n->name, name);
    buf_add_str(&n->raw, raw);
    buf_addc(&n->label, ',');
    json_quote(&n->label, buf_str(&n->name));
    buf_addc(&n->label, ':');
    return n->name.failed || n->raw.failed || n->label.failed ? err_nomem(e)
                                                              : 0;
}

/* ---- --fields ---- */

/* Cuts " AS name" off a field; name is empty where there is none. */
static struct str cut_alias(struct str *field)
{
    for (size_t i = 0; i + 4 <= field->n; i++) {
        if (strncasecmp(field->p + i, " as ", 4) != 0)
            continue;
        struct str name =
            str_trim((struct str){ field->p + i + 4, field->n - i - 4 });
        *field = str_trim((struct str){ field->p, i });
        return name;
    }
    return STR("");
}

static int add_field(struct joinrow *r, struct str field, struct err *e)
{
    struct path *paths;
    size_t n;
    uint32_t id;
    struct str whole = field = str_trim(field), name = cut_alias(&field);
    if (path_list_parse(&paths, &n, field, e))
        return -1;
    if (!name.n)
        name = path_name(&paths[0]);
    size_t had = r->n;
    int slot = select_add(r->select, &paths[0]);
    int bad = slot < 0 ? err_nomem(e) : add_name(r, name, name, &id, e);
    if (!bad && r->n > had && colmap_spell(&r->names[had].from, &paths[0]))
        bad = err_nomem(e);
    path_list_free(paths, n);
    if (bad)
        return -1;
    if (r->n == had || (size_t)slot != had)
        return err_set(e, ERR_USAGE, "--fields: '%.*s' is there twice",
                       STR_ARG(whole));
    return 0;
}

static int add_fields(struct joinrow *r, const char *list, struct err *e)
{
    struct str rest = str_of(list);
    do {
        const char *comma = memchr(rest.p, ',', rest.n);
        struct str field = { rest.p,
                             comma ? (size_t)(comma - rest.p) : rest.n };
        if (add_field(r, field, e))
            return -1;
        rest.n -= field.n + (comma != NULL);
        rest.p += field.n + (comma != NULL);
        if (comma && !rest.n)
            return err_set(e, ERR_USAGE, "--fields: '%s' ends with a comma",
                           list);
    } while (rest.n);
    return 0;
}

int joinrow_init(struct joinrow *r, const char *const *lists, size_t n,
                 const char *prefix, const char *nest,
                 const struct path *without, size_t n_without, struct err *e)
{
    r->prefix = prefix;
    r->nest = nest;
    r->without = without;
    r->n_without = n_without;
    keyset_init(&r->by_name, &r->budget);
    if (nest) {
        buf_addc(&r->nest_label, ',');
        json_quote(&r->nest_label, str_of(nest));
        if (buf_addz(&r->nest_label, ":{"))
            return err_nomem(e);
    }
    if (!n)
        return 0;
    r->select = select_new();
    if (!r->select)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++)
        if (add_fields(r, lists[i], e))
            return -1;
    r->vals = calloc(select_size(r->select), sizeof(*r->vals));
    return r->vals ? 0 : err_nomem(e);
}

/* ---- a record ---- */

static bool is_left_out(const struct joinrow *r, struct str name)
{
    for (size_t i = 0; i < r->n_without; i++)
        if (r->without[i].n == 1 && r->without[i].steps[0].key.p &&
            str_eq(r->without[i].steps[0].key, name))
            return true;
    return false;
}

/* The name of a member; -2 for one that is left out. */
static int name_of(struct joinrow *r, struct str raw, uint32_t *id,
                   struct err *e)
{
    struct str name = raw;
    if (memchr(raw.p, '\\', raw.n)) {
        buf_reset(&r->scratch);
        if (json_unescape(&r->scratch, raw))
            return err_nomem(e);
        name = buf_str(&r->scratch);
    }
    return is_left_out(r, name) ? -2 : add_name(r, raw, name, id, e);
}

/* Notes all members of a record in r->names; how many, or -1. Records mostly
 * have the names of the one before, in the same order. */
static int64_t walk(struct joinrow *r, struct str record, struct err *e)
{
    struct json_iter it = json_iter(json_val(record).raw);
    struct str raw;
    struct val v;
    uint32_t guess = 0, id;
    int64_t n = 0;
    while (json_next(&it, &raw, &v)) {
        if (guess < r->n && str_eq(buf_str(&r->names[guess].raw), raw)) {
            id = guess;
        } else {
            int got = name_of(r, raw, &id, e);
            if (got == -1)
                return -1;
            if (got == -2)
                continue;
        }
        struct joinrow_name *name = &r->names[id];
        if (name->seen != r->records)
            r->order[n++] = id;
        name->seen = r->records;
        name->val = v;
        guess = id + 1;
    }
    return n;
}

/* The same for the fields that were chosen. */
static int64_t pick(struct joinrow *r, struct str record)
{
    int64_t n = 0;
    if (select_run(r->select, record, r->vals))
        return 0;
    for (uint32_t i = 0; i < r->n; i++) {
        r->names[i].val = r->vals[i];
        if (r->vals[i].type != JSON_MISSING)
            r->order[n++] = i;
    }
    return n;
}

int joinrow_make(struct joinrow *r, struct str record, struct buf *out,
                 struct err *e)
{
    r->records++;
    int64_t n = r->select ? pick(r, record) : walk(r, record, e);
    if (n < 0)
        return -1;
    if (r->nest)
        buf_add_str(out, buf_str(&r->nest_label));
    for (int64_t i = 0; i < n; i++) {
        const struct joinrow_name *name = &r->names[r->order[i]];
        struct str label = buf_str(&name->label);
        if (r->nest && i == 0) {
            label.p++;
            label.n--;
        }
        buf_add_str(out, label);
        buf_add_str(out, name->val.raw);
    }
    if (r->nest)
        buf_addc(out, '}');
    return out->failed ? err_nomem(e) : 0;
}

size_t joinrow_names(const struct joinrow *r)
{
    return r->nest ? 1 : r->n;
}

struct str joinrow_name(const struct joinrow *r, size_t i)
{
    return r->nest ? str_of(r->nest) : buf_str(&r->names[i].name);
}

void joinrow_free(struct joinrow *r)
{
    for (size_t i = 0; i < r->n; i++) {
        buf_free(&r->names[i].label);
        buf_free(&r->names[i].name);
        buf_free(&r->names[i].raw);
        buf_free(&r->names[i].from);
    }
    free(r->names);
    free(r->order);
    free(r->vals);
    select_free(r->select);
    keyset_free(&r->by_name);
    buf_free(&r->nest_label);
    buf_free(&r->scratch);
    *r = (struct joinrow){ 0 };
}
