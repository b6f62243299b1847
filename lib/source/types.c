#include "source/types.h"

#include "source/csvtok.h"

#include <jansson.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = { "string", "integer", "number", "boolean" };

#define TYPES (sizeof(names) / sizeof(names[0]))

const char *type_name(enum type type)
{
    return names[type];
}

static bool type_of(struct str name, enum type *type)
{
    for (size_t i = 0; i < TYPES; i++) {
        if (str_eq(name, str_of(names[i]))) {
            *type = (enum type)i;
            return true;
        }
    }
    return false;
}

const struct types_entry *types_find(const struct types *t, struct str name)
{
    for (size_t i = 0; t && i < t->n; i++)
        if (str_eq(t->entries[i].name, name))
            return &t->entries[i];
    return NULL;
}

/* Adds or replaces; name is copied. */
static int put(struct types *t, struct types_entry entry, struct err *e)
{
    for (size_t i = 0; i < t->n; i++) {
        if (str_eq(t->entries[i].name, entry.name)) {
            entry.name = t->entries[i].name;
            t->entries[i] = entry;
            return 0;
        }
    }
    if (t->n == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 16;
        struct types_entry *p = arena_alloc(&t->arena, cap * sizeof(*p));
        if (!p)
            return err_nomem(e);
        if (t->n)
            memcpy(p, t->entries, t->n * sizeof(*p));
        t->entries = p;
        t->cap = cap;
    }
    entry.name = arena_dup(&t->arena, entry.name);
    if (!entry.name.p)
        return err_nomem(e);
    t->entries[t->n++] = entry;
    return 0;
}

int types_parse(struct types *t, const char *text, struct err *e)
{
    struct str *items;
    size_t n;

    if (csvtok_split(str_of(text), &t->arena, "--types", &items, &n, e) != 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        struct str item = items[i];
        const char *eq = memrchr(item.p, '=', item.n);
        if (!eq)
            return err_set(e, ERR_USAGE, "--types: '%.*s' is not name=type",
                           STR_ARG(item));
        struct types_entry entry = { .name = { item.p, (size_t)(eq - item.p) },
                                     .required = true };
        struct str type = { eq + 1, item.n - entry.name.n - 1 };
        if (!type_of(type, &entry.type))
            return err_set(e, ERR_USAGE,
                           "--types: '%.*s' is not a type: use integer, "
                           "number, boolean or string",
                           STR_ARG(type));
        if (put(t, entry, e) != 0)
            return -1;
    }
    return 0;
}

/* The only type of ours that a property allows beside null, else string. */
static enum type schema_type(const json_t *property)
{
    const json_t *spec = json_object_get(property, "type");
    enum type found = TYPE_STRING, one;
    size_t n = json_is_array(spec) ? json_array_size(spec) : 1, known = 0;

    for (size_t i = 0; i < n; i++) {
        const json_t *item =
            json_is_array(spec) ? json_array_get(spec, i) : spec;
        const char *name = json_string_value(item);
        if (!name || !type_of(str_of(name), &one)) {
            if (!name || strcmp(name, "null") != 0)
                return TYPE_STRING;
            continue;
        }
        found = one;
        known++;
    }
    return known == 1 ? found : TYPE_STRING;
}

static int add_properties(struct types *t, const json_t *schema, struct err *e)
{
    json_t *properties = json_object_get(schema, "properties");
    const char *name;
    json_t *property;

    json_object_foreach(properties, name, property)
    {
        struct types_entry entry = { .name = str_of(name),
                                     .type = schema_type(property) };
        if (!types_find(t, entry.name) && put(t, entry, e) != 0)
            return -1;
    }
    return 0;
}

int types_schema(struct types *t, const char *path, struct err *e)
{
    json_error_t why;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "cannot open schema '%s'", path);
    json_t *schema = json_loadfd(fd, JSON_REJECT_DUPLICATES, &why);
    close(fd);
    if (!schema)
        return err_set(e, ERR_CONFIG, "schema '%s' is not JSON: %s, line %d",
                       path, why.text, why.line);
    int r = json_is_object(schema)
                ? add_properties(t, schema, e)
                : err_set(e, ERR_CONFIG, "schema '%s' is no object", path);
    json_decref(schema);
    return r;
}

void types_free(struct types *t)
{
    arena_free(&t->arena);
    *t = (struct types){ 0 };
}
