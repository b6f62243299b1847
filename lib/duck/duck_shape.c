/* Types of DuckDB, and where the values of a chunk stand. */
#include "duck/duck_json.h"

#include "json/value.h"

#include <stdlib.h>

static bool is_known(int type)
{
    return (type >= DUCK_BOOLEAN && type <= DUCK_TIMESTAMP_NS) ||
           (type >= DUCK_LIST && type <= DUCK_UUID) ||
           (type >= DUCK_TIMESTAMP_TZ && type <= DUCK_ARRAY);
}

static int init(struct duck_shape *s, const struct duck_api *api,
                duck_handle type, const char *name, unsigned depth,
                struct err *e);

/* The i-th child of a type, and its name where it has one. Both owned. */
static duck_handle child_type(const struct duck_shape *s,
                              const struct duck_api *api, duck_handle type,
                              uint64_t i, char **name)
{
    *name = NULL;
    switch (s->type) {
    case DUCK_LIST: return api->list_type_child_type(type);
    case DUCK_ARRAY: return api->array_type_child_type(type);
    case DUCK_MAP:
        return i == 0 ? api->map_type_key_type(type)
                      : api->map_type_value_type(type);
    default:
        *name = api->struct_type_child_name(type, i);
        return api->struct_type_child_type(type, i);
    }
}

static int init_children(struct duck_shape *s, const struct duck_api *api,
                         duck_handle type, unsigned depth, struct err *e)
{
    uint64_t n = s->type == DUCK_STRUCT ? api->struct_type_child_count(type)
                 : s->type == DUCK_MAP  ? 2
                                        : 1;
    s->child = calloc((size_t)n + 1, sizeof(*s->child));
    if (!s->child)
        return err_nomem(e);
    int r = 1;
    for (; r > 0 && s->n < n; s->n++) {
        char *name;
        duck_handle of = child_type(s, api, type, s->n, &name);
        r = init(&s->child[s->n], api, of, name, depth + 1, e);
        if (name)
            api->free(name);
        api->destroy_logical_type(&of);
    }
    return r;
}

static int init(struct duck_shape *s, const struct duck_api *api,
                duck_handle type, const char *name, unsigned depth,
                struct err *e)
{
    int id = api->get_type_id(type);
    if (!is_known(id) || depth > DUCK_SHAPE_DEPTH)
        return 0;
    s->type = (enum duck_type)id;
    if (name) {
        json_quote(&s->label, str_of(name));
        if (buf_addc(&s->label, ':') != 0)
            return err_nomem(e);
    }
    switch (s->type) {
    case DUCK_DECIMAL:
        s->width = api->decimal_width(type);
        s->scale = api->decimal_scale(type);
        return 1;
    case DUCK_ARRAY: s->array_size = api->array_type_array_size(type);
    /* fall through */
    case DUCK_LIST:
    case DUCK_STRUCT:
    case DUCK_MAP: return init_children(s, api, type, depth, e);
    default: return 1;
    }
}

int duck_shape_init(struct duck_shape *s, const struct duck_api *api,
                    duck_handle type, const char *name, struct err *e)
{
    *s = (struct duck_shape){ 0 };
    return init(s, api, type, name, 0, e);
}

void duck_shape_free(struct duck_shape *s)
{
    for (size_t i = 0; i < s->n; i++)
        duck_shape_free(&s->child[i]);
    free(s->child);
    buf_free(&s->label);
    *s = (struct duck_shape){ 0 };
}

unsigned duck_shape_depth(const struct duck_shape *s)
{
    unsigned most = 0;
    for (size_t i = 0; i < s->n; i++) {
        unsigned depth = duck_shape_depth(&s->child[i]);
        most = depth > most ? depth : most;
    }
    return s->child ? most + 1 : 0;
}

void duck_shape_bind(struct duck_shape *s, const struct duck_api *api,
                     duck_handle vector)
{
    s->data = api->vector_get_data(vector);
    s->valid = api->vector_get_validity(vector);
    if (s->type == DUCK_LIST)
        duck_shape_bind(&s->child[0], api, api->list_vector_get_child(vector));
    else if (s->type == DUCK_ARRAY)
        duck_shape_bind(&s->child[0], api, api->array_vector_get_child(vector));
    /* A map is a list of structs of key and value. */
    if (s->type == DUCK_MAP)
        vector = api->list_vector_get_child(vector);
    if (s->type == DUCK_MAP || s->type == DUCK_STRUCT)
        for (size_t i = 0; i < s->n; i++)
            duck_shape_bind(&s->child[i], api,
                            api->struct_vector_get_child(vector, i));
}
