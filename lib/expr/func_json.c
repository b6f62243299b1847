/* Functions of objects and of JSON as such. */
#include "expr/func.h"

#include "json/check.h"

/* Writes the values of args[from], args[from + step] ... of all types. */
static int write_all(struct call *c, uint32_t from, uint32_t step)
{
    int rc = 0;
    for (uint32_t i = from; i < c->n && rc == 0; i += step)
        rc = operand_write(c->x, &c->args[i]);
    return rc;
}

/* What is missing stands as null: an element cannot be left out. */
static int call_array(struct call *c)
{
    int rc = write_all(c, 0, 1);
    if (rc)
        return rc;
    struct buf *out = call_buf(c);
    for (uint32_t i = 0; i < c->n; i++) {
        const struct operand *o = &c->args[i];
        buf_addc(out, i ? ',' : '[');
        buf_add_str(out, o->type == JSON_MISSING ? STR("null") : o->raw);
    }
    if (c->n == 0)
        buf_addc(out, '[');
    buf_addc(out, ']');
    return call_buf_json(c, JSON_ARRAY);
}

/* What is missing has no member. */
static int call_object(struct call *c)
{
    struct str key;
    if (c->n % 2)
        return call_faultf(c, "expr_type",
                           "a value is missing behind the last key");
    int rc = write_all(c, 1, 2);
    for (uint32_t i = 0; i < c->n && rc == 0; i += 2)
        rc = call_string(c, i, &key);
    if (rc)
        return rc;
    struct buf *out = call_buf(c);
    buf_addc(out, '{');
    for (uint32_t i = 0; i < c->n; i += 2) {
        if (c->args[i + 1].type == JSON_MISSING)
            continue;
        if (out->n > 1)
            buf_addc(out, ',');
        operand_quote(out, c->args[i].text);
        buf_addc(out, ':');
        buf_add_str(out, c->args[i + 1].raw);
    }
    buf_addc(out, '}');
    return call_buf_json(c, JSON_OBJECT);
}

static int members(struct call *c, bool keys)
{
    if (c->args[0].type != JSON_OBJECT)
        return call_needs(c, 0, "an object");
    struct json_iter it = json_iter(c->args[0].raw);
    struct buf *out = call_buf(c);
    struct str key;
    struct val v;
    buf_addc(out, '[');
    while (json_next(&it, &key, &v)) {
        if (out->n > 1)
            buf_addc(out, ',');
        if (keys) {
            buf_addc(out, '"');
            buf_add_str(out, key);
            buf_addc(out, '"');
        } else {
            buf_add_str(out, v.raw);
        }
    }
    buf_addc(out, ']');
    return call_buf_json(c, JSON_ARRAY);
}

static int call_keys(struct call *c)
{
    return members(c, true);
}

static int call_values(struct call *c)
{
    return members(c, false);
}

/* s without its line ends: in JSON they are white space alone, in a record
 * they would end it. */
static int one_line(struct call *c, struct str *s)
{
    if (s->n == 0 || (!memchr(s->p, '\n', s->n) && !memchr(s->p, '\r', s->n)))
        return 0;
    char *p = arena_alloc(&c->x->scratch, s->n), *q = p;
    if (!p)
        return -2;
    for (size_t i = 0; i < s->n; i++)
        if (s->p[i] != '\n' && s->p[i] != '\r')
            *q++ = s->p[i];
    *s = (struct str){ p, (size_t)(q - p) };
    return 0;
}

static int call_json_parse(struct call *c)
{
    struct json_fault why;
    struct str s;
    int rc = call_string(c, 0, &s);
    if (rc)
        return rc;
    if (json_check_value(s, JSON_DEPTH_DEFAULT, &why))
        return expr_faultf(c->x, c->at, &c->args[0], "expr_json",
                           "json_parse: %s at byte %zu of the string", why.why,
                           why.offset + 1);
    if (one_line(c, &s))
        return -2;
    struct val v = json_val(s);
    *c->out = OPERAND(v.type);
    c->out->raw = v.raw;
    return 0;
}

static int call_json_text(struct call *c)
{
    int rc = operand_write(c->x, &c->args[0]);
    return rc ? rc : call_text(c, c->args[0].raw);
}

static const struct func rows[] = {
    { "array", 0, FUNC_ANY, true, "", call_array },
    { "json_parse", 1, 1, false, "", call_json_parse },
    { "json_text", 1, 1, false, "", call_json_text },
    { "keys", 1, 1, false, "", call_keys },
    { "object", 0, FUNC_ANY, true, "", call_object },
    { "values", 1, 1, false, "", call_values },
};

const struct func_table func_json = FUNC_TABLE(rows);
