#include "contract/contract.h"

#include "contract/odcs.h"
#include "json/check.h"
#include "schema/schema.h"

#include <stdlib.h>
#include <strings.h>

/* ---- what a file is */

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), k = strlen(end);
    return n >= k && strcasecmp(name + n - k, end) == 0;
}

/* Text that is not JSON: is it meant to be YAML? */
static bool is_yaml(struct str text, const char *name)
{
    if (ends_with(name, ".yaml") || ends_with(name, ".yml"))
        return true;
    if (ends_with(name, ".json"))
        return false;
    const char *p = json_skip_space(text.p, text.p + text.n);
    return p < text.p + text.n && !strchr("{[\"", *p);
}

/* A contract without its kind must not pass for a schema that says nothing. */
static bool is_contract(const struct yaml *root)
{
    const struct yaml *kind = yaml_get(root, "kind");
    if (kind && kind->type == JSON_STRING &&
        str_eq(kind->text, STR("DataContract")))
        return true;
    return yaml_get(root, "apiVersion") && !yaml_get(root, "$schema");
}

/* The same for JSON text, without a tree. */
static bool is_json_contract(struct str text)
{
    struct val root = json_val(text);
    struct val kind = json_get(root, STR("kind"));
    if (kind.type == JSON_STRING &&
        json_raw_equals((struct str){ kind.raw.p + 1, kind.raw.n - 2 },
                        STR("DataContract")))
        return true;
    return json_get(root, STR("apiVersion")).type != JSON_MISSING &&
           json_get(root, STR("$schema")).type == JSON_MISSING;
}

/* ---- reading */

static int read_contract(struct contract *c, struct odcs *o)
{
    c->odcs = true;
    c->own = o;
    return odcs_read(o);
}

static int read_yaml(struct contract *c, struct odcs *o, struct str text)
{
    o->root = yaml_parse(&o->arena, text, o->file, o->e);
    if (!o->root)
        return -1;
    if (is_contract(o->root))
        return read_contract(c, o);
    if (yaml_get(o->root, "dataContractSpecification"))
        return err_set(o->e, ERR_CONFIG,
                       "contract %s follows the Data Contract Specification; "
                       "the Open Data Contract Standard is read",
                       o->file);
    c->schema.max = YAML_MAX_BYTES;
    if (yaml_write(&c->schema, o->root) == 0)
        return 0;
    return c->schema.n > YAML_MAX_BYTES / 2
               ? err_set(o->e, ERR_CONFIG,
                         "schema %s is larger than 16 MiB as JSON", o->file)
               : err_nomem(o->e);
}

static int read_text(struct contract *c, struct odcs *o, struct str text)
{
    struct json_fault fault;
    struct str body = text;
    if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
        body = (struct str){ text.p + 3, text.n - 3 };
    bool json = json_check_value(body, YAML_MAX_DEPTH, &fault) == 0;
    if (json && is_json_contract(body)) {
        o->root = yaml_parse_json(&o->arena, body, o->file, o->e);
        return o->root ? read_contract(c, o) : -1;
    }
    if (!json && is_yaml(body, o->file))
        return read_yaml(c, o, text);
    return buf_add_str(&c->schema, text) ? err_nomem(o->e) : 0;
}

static int parse(struct contract *c, struct odcs *o, struct str text,
                 const char *name, const struct contract_options *options,
                 struct err *e)
{
    o->file = arena_dup(&o->arena, str_of(name)).p;
    o->c = c;
    o->e = e;
    o->o = options;
    o->logical_names = options->logical_names;
    if (!o->file)
        return err_nomem(e);
    int r = read_text(c, o, text);
    o->e = NULL;
    o->o = NULL;
    if (r)
        return -1;
    if (options->object && !c->odcs)
        return err_set(e, ERR_USAGE,
                       "--object: %s is a JSON Schema, no contract", name);
    return 0;
}

struct contract *contract_parse(struct str text, const char *name,
                                const struct contract_options *options,
                                struct err *e)
{
    static const struct contract_options none = { 0 };
    struct contract *c = calloc(1, sizeof(*c));
    struct odcs *o = calloc(1, sizeof(*o));
    int r = c && o ? parse(c, o, text, name, options ? options : &none, e)
                   : err_nomem(e);
    /* The tree is kept where places are to be told. */
    if (o && (!c || c->own != o))
        odcs_free(o);
    if (r == 0)
        return c;
    contract_free(c);
    return NULL;
}

struct contract *contract_load(const char *path,
                               const struct contract_options *options,
                               struct err *e)
{
    struct buf text = { 0 }, base = { 0 };
    struct contract *c = NULL;
    if (schema_read(path, &text, &base, e) == 0)
        c = contract_parse(buf_str(&text), path, options, e);
    if (c && base.n) {
        c->base = buf_z(&base);
        base = (struct buf){ 0 };
    }
    buf_free(&text);
    buf_free(&base);
    return c;
}

void contract_free(struct contract *c)
{
    if (!c)
        return;
    buf_free(&c->schema);
    free((char *)(uintptr_t)c->base);
    buf_free(&c->notes);
    free(c->checks);
    free(c->gates);
    if (c->own)
        odcs_free(c->own);
    free(c);
}
