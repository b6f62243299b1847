#include "pglog/relation.h"

#include "json/value.h"

#include <stdlib.h>

/* Appends names to a buffer, keeps the result. */
static int keep(struct relation *r, struct buf *b, struct str *to)
{
    if (b->failed)
        return -1;
    *to = arena_dup(&r->memory, buf_str(b));
    buf_reset(b);
    return to->p ? 0 : -1;
}

static int describe(struct relation *r, struct str schema, struct str name)
{
    struct buf b = { .max = 65536 };
    r->schema = arena_dup(&r->memory, schema);
    r->name = arena_dup(&r->memory, name);
    buf_addz(&b, "\"schema\":");
    json_quote(&b, schema);
    buf_addz(&b, ",\"table\":");
    json_quote(&b, name);
    int bad = !r->schema.p || !r->name.p || keep(r, &b, &r->names);
    buf_free(&b);
    return bad ? -1 : 0;
}

struct relation *relation_new(uint32_t oid, char identity, struct str schema,
                              struct str name, size_t n)
{
    struct relation *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->oid = oid;
    r->identity = identity;
    r->n = n;
    r->columns = arena_alloc(&r->memory, (n + 1) * sizeof(*r->columns));
    if (!r->columns || describe(r, schema, name)) {
        relation_free(r);
        return NULL;
    }
    memset(r->columns, 0, (n + 1) * sizeof(*r->columns));
    return r;
}

int relation_name_column(struct relation *r, size_t i, struct str name,
                         struct str type_name)
{
    struct buf b = { .max = 65536 };
    struct relation_column *c = &r->columns[i];
    c->name = arena_dup(&r->memory, name);
    c->type_name = arena_dup(&r->memory, type_name);
    json_quote(&b, name);
    buf_addc(&b, ':');
    int bad = !c->name.p || !c->type_name.p || keep(r, &b, &c->label);
    buf_free(&b);
    return bad ? -1 : 0;
}

void relation_type_column(struct relation *r, size_t i, uint32_t type)
{
    struct relation_column *c = &r->columns[i];
    c->type = type;
    c->known = pgtype_of(type, &c->form);
}

void relation_free(struct relation *r)
{
    if (!r)
        return;
    arena_free(&r->memory);
    free(r);
}

bool relation_has_key(const struct relation *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->columns[i].key)
            return r->identity != 'n';
    return false;
}

/* The first place whose table is not below oid. */
static size_t place(const struct relations *rs, uint32_t oid)
{
    size_t low = 0, high = rs->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (rs->v[mid]->oid < oid)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static int grow(struct relations *rs, struct err *e)
{
    if (rs->n < rs->cap)
        return 0;
    if (rs->n >= RELATIONS_MAX)
        return err_set(e, ERR_DATA,
                       "change stream tells of more than %d tables",
                       RELATIONS_MAX);
    size_t cap = rs->cap ? 2 * rs->cap : 16;
    struct relation **v = realloc(rs->v, cap * sizeof(struct relation *));
    if (!v)
        return err_nomem(e);
    rs->v = v;
    rs->cap = cap;
    return 0;
}

int relations_put(struct relations *rs, struct relation *r, struct err *e)
{
    size_t i = place(rs, r->oid);
    rs->last = NULL;
    if (i < rs->n && rs->v[i]->oid == r->oid) {
        relation_free(rs->v[i]);
        rs->v[i] = r;
        return 0;
    }
    if (grow(rs, e)) {
        relation_free(r);
        return -1;
    }
    memmove(rs->v + i + 1, rs->v + i, (rs->n - i) * sizeof(struct relation *));
    rs->v[i] = r;
    rs->n++;
    return 0;
}

const struct relation *relations_find(struct relations *rs, uint32_t oid)
{
    if (rs->last && rs->last->oid == oid)
        return rs->last;
    size_t i = place(rs, oid);
    if (i == rs->n || rs->v[i]->oid != oid)
        return NULL;
    rs->last = rs->v[i];
    return rs->last;
}

void relations_free(struct relations *rs)
{
    for (size_t i = 0; i < rs->n; i++)
        relation_free(rs->v[i]);
    free(rs->v);
    *rs = (struct relations){ 0 };
}
