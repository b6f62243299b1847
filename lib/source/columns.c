#include "source/columns.h"

#include "base/buf.h"
#include "base/hash.h"
#include "json/utf8.h"
#include "json/value.h"

#include <stdio.h>
#include <stdlib.h>

/* The names given so far: open addressing, never more than half full. */
struct taken {
    struct str *slots;     /* .p NULL: free */
    unsigned *next_suffix; /* to try for the name in the slot */
    size_t mask;
};

static int taken_init(struct taken *t, size_t names)
{
    size_t size = 8;
    while (size < 2 * names)
        size *= 2;
    t->mask = size - 1;
    t->slots = calloc(size, sizeof(*t->slots));
    t->next_suffix = calloc(size, sizeof(*t->next_suffix));
    return t->slots && t->next_suffix ? 0 : -1;
}

static void taken_free(struct taken *t)
{
    free(t->slots);
    free(t->next_suffix);
}

static size_t taken_find(const struct taken *t, struct str name)
{
    size_t i = (size_t)hash64(name) & t->mask;
    while (t->slots[i].p && !str_eq(t->slots[i], name))
        i = (i + 1) & t->mask;
    return i;
}

/* Takes name (which has to stay) if nobody has it. */
static bool take(struct taken *t, struct str name)
{
    size_t i = taken_find(t, name);
    if (t->slots[i].p)
        return false;
    t->slots[i] = name;
    return true;
}

/* Finds column i, whose header cell is `name`, a name nobody has. */
static int make_name(struct columns *c, struct taken *t, size_t i,
                     struct str name)
{
    struct buf b = { 0 };
    bool named = name.n > 0;

    if (named)
        buf_add_str(&b, name);
    else
        buf_addf(&b, "column%zu", i + 1);

    size_t base = b.n;
    size_t slot = named ? taken_find(t, name) : 0;
    unsigned suffix = named && t->next_suffix[slot] ? t->next_suffix[slot] : 2;
    if (named)
        buf_addf(&b, "_%u", suffix++);
    while (!b.failed && t->slots[taken_find(t, buf_str(&b))].p) {
        b.n = base;
        buf_addf(&b, "_%u", suffix++);
    }
    if (named)
        t->next_suffix[slot] = suffix;
    if (!b.failed)
        c->names[i] = arena_dup(&c->arena, buf_str(&b));
    bool made = !b.failed && c->names[i].p;
    buf_free(&b);
    if (!made)
        return -1;
    take(t, c->names[i]);
    return 0;
}

static int name_columns(struct columns *c, const struct str *cells, size_t n)
{
    struct taken t;
    int r = taken_init(&t, n);

    for (size_t i = 0; r == 0 && i < n; i++) {
        c->names[i] = (struct str){ NULL, 0 }; /* made when all are known */
        if (!cells || cells[i].n == 0)
            continue;
        struct str name = arena_dup(&c->arena, cells[i]);
        if (!name.p)
            r = -1;
        else if (take(&t, name))
            c->names[i] = name;
    }
    for (size_t i = 0; r == 0 && i < n; i++)
        if (!c->names[i].p)
            r = make_name(c, &t, i, cells ? cells[i] : STR(""));
    taken_free(&t);
    return r;
}

/* Key, pointer and type of column i. */
static int describe(struct columns *c, size_t i, const struct types *types)
{
    struct column *col = &c->at[i];
    struct str name = c->names[i];
    const struct types_entry *entry = types_find(types, name);
    struct buf b = { 0 };

    col->type = entry ? entry->type : TYPE_STRING;
    buf_addc(&b, i ? ',' : '{');
    json_quote(&b, name);
    buf_addc(&b, ':');
    col->key = arena_dup(&c->arena, buf_str(&b));

    size_t n = b.n;
    buf_addc(&b, '/');
    for (size_t k = 0; k < name.n; k++) {
        if (name.p[k] == '~' || name.p[k] == '/')
            buf_addz(&b, name.p[k] == '~' ? "~0" : "~1");
        else
            buf_addc(&b, name.p[k]);
    }
    struct str pointer = { b.p ? b.p + n : "", b.n - n };
    col->pointer = arena_dup(&c->arena, pointer);
    bool failed = b.failed || !col->key.p || !col->pointer.p;
    buf_free(&b);
    return failed ? -1 : 0;
}

static int check_header(const struct str *cells, size_t n, const char *uri,
                        struct err *e)
{
    if (n > COLUMNS_MAX)
        return err_set(e, ERR_DATA, "header of '%s' has more than %d columns",
                       uri, COLUMNS_MAX);
    for (size_t i = 0; cells && i < n; i++)
        if (!utf8_valid(cells[i]) ||
            (cells[i].n && memchr(cells[i].p, 0, cells[i].n)))
            return err_set(e, ERR_DATA,
                           "header of '%s' is not UTF-8 text: column %zu", uri,
                           i + 1);
    return 0;
}

static int check_required(const struct columns *c, const struct types *types,
                          const char *uri, struct err *e)
{
    for (size_t k = 0; types && k < types->n; k++) {
        const struct types_entry *entry = &types->entries[k];
        size_t i = 0;
        while (i < c->n && !str_eq(c->names[i], entry->name))
            i++;
        if (entry->required && i == c->n)
            return err_set(e, ERR_DATA,
                           "'%s' has no column '%.*s', which --types names",
                           uri, STR_ARG(entry->name));
    }
    return 0;
}

int columns_init(struct columns *c, const struct str *cells, size_t n,
                 const struct types *types, const char *uri, struct err *e)
{
    if (check_header(cells, n, uri, e) != 0)
        return -1;
    c->n = n;
    c->names = arena_alloc(&c->arena, n * sizeof(*c->names));
    c->at = arena_alloc(&c->arena, n * sizeof(*c->at));
    if (!c->names || !c->at || name_columns(c, cells, n) != 0)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++)
        if (describe(c, i, types) != 0)
            return err_nomem(e);
    return check_required(c, types, uri, e);
}

void columns_free(struct columns *c)
{
    arena_free(&c->arena);
    *c = (struct columns){ 0 };
}
