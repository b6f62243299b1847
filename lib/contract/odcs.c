/* A contract and its objects. */
#include "contract/odcs.h"

#include <stdlib.h>

/* ---- the contract */

enum root_key {
    R_KIND,
    R_API_VERSION,
    R_ID,
    R_VERSION,
    R_STATUS,
    R_SCHEMA,
    R_SLA,
    R_SLA_DEFAULT,
    R_OTHERS
};

static const struct odcs_key root_keys[] = {
    [R_KIND] = { "kind", T_STRING },
    [R_API_VERSION] = { "apiVersion", T_STRING },
    [R_ID] = { "id", T_STRING },
    [R_VERSION] = { "version", T_STRING },
    [R_STATUS] = { "status", T_STRING },
    [R_SCHEMA] = { "schema", T_LIST },
    [R_SLA] = { "slaProperties", T_LIST },
    [R_SLA_DEFAULT] = { "slaDefaultElement", T_PROSE },
    [R_OTHERS] = { "name", T_PROSE },
    { "tenant", T_PROSE },
    { "tags", T_LIST },
    { "servers", T_LIST },
    { "dataProduct", T_PROSE },
    { "description", T_OBJECT | T_NULL },
    { "domain", T_PROSE },
    { "support", T_LIST },
    { "price", T_OBJECT | T_NULL },
    { "team", T_OBJECT | T_ARRAY | T_NULL },
    { "roles", T_LIST },
    { "authoritativeDefinitions", T_LIST },
    { "customProperties", T_LIST },
    { "contractCreatedTs", T_PROSE },
};
#define ROOT_KEYS (sizeof(root_keys) / sizeof(*root_keys))

static int check_version(struct odcs *o, const struct yaml *y)
{
    static const char *const versions[] = { "v3.0.0", "v3.0.1", "v3.0.2",
                                            "v3.1.0" };
    for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++)
        if (str_eq(y->text, str_of(versions[i]))) {
            o->minor = (unsigned)(versions[i][3] - '0');
            return 0;
        }
    odcs_key(o, "apiVersion");
    return odcs_fail(o, y, "'%.*s' is none of v3.0.0, v3.0.1, v3.0.2, v3.1.0",
                     ODCS_SHOWN(y->text));
}

static int read_root(struct odcs *o, const struct yaml **v)
{
    if (odcs_members(o, o->root, "a contract", root_keys, ROOT_KEYS, v))
        return -1;
    for (size_t i = 0; i <= R_STATUS; i++)
        if (!v[i])
            return odcs_fail(o, o->root, "contract has no '%s'",
                             root_keys[i].name);
    if (!str_eq(v[R_KIND]->text, STR("DataContract"))) {
        odcs_key(o, "kind");
        return odcs_fail(o, v[R_KIND], "'%.*s' is not DataContract",
                         ODCS_SHOWN(v[R_KIND]->text));
    }
    return check_version(o, v[R_API_VERSION]);
}

#define NAMES_BYTES 200 /* of objects, in a message */

/* ---- its objects */

enum object_key {
    O_NAME,
    O_PROPERTIES,
    O_QUALITY,
    O_RELATIONSHIPS,
    O_LOGICAL_TYPE,
    O_OTHERS
};

static const struct odcs_key object_keys[] = {
    [O_NAME] = { "name", T_STRING },
    [O_PROPERTIES] = { "properties", T_LIST },
    [O_QUALITY] = { "quality", T_LIST },
    [O_RELATIONSHIPS] = { "relationships", T_LIST },
    [O_LOGICAL_TYPE] = { "logicalType", T_STRING },
    [O_OTHERS] = { "id", T_PROSE },
    { "physicalName", T_PROSE },
    { "physicalType", T_PROSE },
    { "businessName", T_PROSE },
    { "description", T_PROSE },
    { "authoritativeDefinitions", T_LIST },
    { "tags", T_LIST },
    { "customProperties", T_LIST },
    { "dataGranularityDescription", T_PROSE },
};
#define OBJECT_KEYS (sizeof(object_keys) / sizeof(*object_keys))

static struct str name_of(const struct yaml *object)
{
    const struct yaml *name = yaml_get(object, "name");
    return name && name->type == JSON_STRING ? name->text : STR("");
}

/* Which of several was not said, or is not there. */
static int fail_object(struct odcs *o, const struct yaml *list)
{
    struct buf names = { 0 };
    const char *wanted = o->o->object;
    uint32_t i = 0;
    for (; i < list->n && names.n < NAMES_BYTES; i++) {
        struct str name = name_of(list->v[i].value);
        buf_addf(&names, "%s%.*s", i ? ", " : "", ODCS_SHOWN(name));
    }
    if (i < list->n)
        buf_addz(&names, ", ...");
    const char *z = buf_z(&names);
    if (!z)
        err_nomem(o->e);
    else if (wanted)
        err_set(o->e, ERR_USAGE, "contract %s has no object '%.100s' but %s",
                o->file, wanted, z);
    else
        err_set(o->e, ERR_USAGE, "contract %s has %u objects, say --object: %s",
                o->file, list->n, z);
    buf_free(&names);
    return -1;
}

static int pick_object(struct odcs *o, const struct yaml *list)
{
    const struct yaml *found = NULL;
    if (!list || !list->n)
        return odcs_fail(o, o->root, "contract has no object in 'schema'");
    odcs_key(o, "schema");
    o->n_objects = list->n;
    for (uint32_t i = 0; i < list->n; i++) {
        const struct yaml *y = list->v[i].value;
        bool named = !o->o->object || str_eq(name_of(y), str_of(o->o->object));
        if (!named)
            continue;
        if (found && o->o->object)
            return odcs_fail(o, y, "name '%.100s' is given to two objects",
                             o->o->object);
        if (found)
            return fail_object(o, list);
        found = y;
        o->index = i;
    }
    if (!found)
        return fail_object(o, list);
    o->object = found;
    odcs_index(o, o->index);
    return 0;
}

int odcs_relationships(struct odcs *o, const struct yaml *list)
{
    if (!list || !list->n)
        return 0;
    size_t mark = odcs_key(o, "relationships");
    int r = odcs_beyond(o, CONTRACT_RELATIONSHIPS, list,
                        "keys of another object cannot be looked up");
    odcs_back(o, mark);
    return r < 0 ? -1 : 0;
}

/* All properties of the primary key together are one key. */
static int add_key_gate(struct odcs *o)
{
    struct buf body = { 0 };
    if (!o->key_at)
        return 0;
    buf_addz(&body, "unique ");
    buf_add_str(&body, buf_str(&o->keys));
    int r = body.failed
                ? err_nomem(o->e)
                : odcs_rule(o, true, false, NULL, o->key_at, buf_str(&body));
    buf_free(&body);
    return r;
}

static int read_object(struct odcs *o)
{
    const struct yaml *v[OBJECT_KEYS];
    struct buf *out = &o->c->schema;
    if (odcs_members(o, o->object, "an object", object_keys, OBJECT_KEYS, v))
        return -1;
    if (!v[O_NAME])
        return odcs_fail(o, o->object, "object has no name");
    if (v[O_LOGICAL_TYPE] && !str_eq(v[O_LOGICAL_TYPE]->text, STR("object")))
        return odcs_fail(o, v[O_LOGICAL_TYPE],
                         "logicalType of an object is object");
    buf_addz(out, "{\"$schema\":"
                  "\"https://json-schema.org/draft/2020-12/schema\","
                  "\"type\":\"object\"");
    if (odcs_write_properties(o, v[O_PROPERTIES], NULL) || add_key_gate(o) ||
        odcs_relationships(o, v[O_RELATIONSHIPS]))
        return -1;
    buf_addc(out, '}');
    if (!v[O_QUALITY])
        return 0;
    odcs_key(o, "quality");
    return odcs_quality(o, v[O_QUALITY], NULL);
}

int odcs_read(struct odcs *o)
{
    const struct yaml *v[ROOT_KEYS];
    if (read_root(o, v) || pick_object(o, v[R_SCHEMA]) || read_object(o))
        return -1;
    odcs_back(o, 0);
    odcs_key(o, "slaProperties");
    if (v[R_SLA] && odcs_sla(o, v[R_SLA], v[R_SLA_DEFAULT]))
        return -1;
    return o->path.failed || o->field.failed || o->quoted.failed ||
                   o->c->schema.failed
               ? err_nomem(o->e)
               : odcs_write_rules(o);
}

void odcs_free(struct odcs *o)
{
    buf_free(&o->path);
    buf_free(&o->field);
    buf_free(&o->quoted);
    buf_free(&o->keys);
    free(o->rules);
    arena_free(&o->arena);
    free(o);
}
