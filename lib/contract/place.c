/* Where in a contract a place in its JSON Schema comes from. */
#include "contract/odcs.h"

#include "json/path.h"

/* The next token of a JSON Pointer, unescaped into b. False at the end. */
static bool next_token(struct str *rest, struct buf *b)
{
    if (!rest->n || *rest->p != '/')
        return false;
    buf_reset(b);
    size_t i = 1;
    for (; i < rest->n && rest->p[i] != '/'; i++) {
        char c = rest->p[i];
        if (c == '~' && i + 1 < rest->n)
            c = rest->p[++i] == '1' ? '/' : '~';
        buf_addc(b, c);
    }
    *rest = (struct str){ rest->p + i, rest->n - i };
    return true;
}

/* The property of y whose field has that name; NULL: none. */
static const struct yaml *find_field(const struct odcs *o, const struct yaml *y,
                                     struct str name, uint32_t *index)
{
    const struct yaml *list = yaml_get(y, "properties");
    for (uint32_t i = 0; list && list->type == JSON_ARRAY && i < list->n; i++) {
        const struct yaml *property = list->v[i].value, *n = NULL;
        if (!o->logical_names)
            n = yaml_get(property, "physicalName");
        if (!n || n->type != JSON_STRING)
            n = yaml_get(property, "name");
        *index = i;
        if (n && str_eq(n->text, name))
            return property;
    }
    return NULL;
}

static void add_option(struct buf *out, const struct yaml *y, const char *key)
{
    const struct yaml *options = yaml_get(y, "logicalTypeOptions");
    if (options && yaml_get(options, key))
        buf_addf(out, "/logicalTypeOptions/%s", key);
    else if (options && yaml_get(options, "format"))
        buf_addz(out, "/logicalTypeOptions/format");
    else if (yaml_get(y, "logicalType"))
        buf_addz(out, "/logicalType");
}

/* What a keyword of y's schema was made from. */
static void add_keyword(struct buf *out, const struct yaml *y,
                        struct str keyword)
{
    if (str_eq(keyword, STR("required")) || str_eq(keyword, STR("properties")))
        buf_addz(out, "/properties");
    else if (str_eq(keyword, STR("type")) || str_eq(keyword, STR("anyOf")))
        buf_addz(out, yaml_get(y, "logicalType") ? "/logicalType" : "");
    else if (str_eq(keyword, STR("allOf")))
        add_option(out, y, "format");
    else if (keyword.n &&
             memchr(keyword.p, '\0', keyword.n + 1) == keyword.p + keyword.n)
        add_option(out, y, keyword.p);
}

int contract_place(const void *contract, struct str pointer, struct buf *out)
{
    const struct contract *c = contract;
    const struct odcs *o = c->own;
    const struct yaml *y = o ? o->object : NULL;
    struct buf token = { 0 };
    if (!y)
        return buf_add_str(out, pointer);
    buf_addf(out, "/schema/%zu", o->index);
    while (y && next_token(&pointer, &token) && buf_z(&token)) {
        struct str t = buf_str(&token);
        if (str_eq(t, STR("items"))) {
            buf_addz(out, "/items");
            y = yaml_get(y, "items");
        } else if (str_eq(t, STR("properties")) &&
                   next_token(&pointer, &token)) {
            uint32_t i = 0;
            y = find_field(o, y, buf_str(&token), &i);
            if (y)
                buf_addf(out, "/properties/%u", i);
        } else {
            add_keyword(out, y, t);
            break;
        }
    }
    int r = token.failed || out->failed ? -1 : 0;
    buf_free(&token);
    return r;
}
