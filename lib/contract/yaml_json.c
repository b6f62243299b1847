/* JSON as the YAML that it is, by JSON's own rules: surrogate pairs in escapes,
 * and no limits on keys. */
#include "contract/build.h"
#include "json/utf8.h"

struct reader {
    struct build *b;
    const char *p; /* how far lines are counted */
    struct build_at at;
    struct buf text; /* scratch */
};

/* The place of q, which is not before that of the last call. */
static struct build_at at(struct reader *r, const char *q)
{
    for (; r->p < q; r->p++) {
        if (*r->p == '\n')
            r->at = (struct build_at){ r->at.line + 1, 1 };
        else
            r->at.column += ((unsigned char)*r->p & 0xc0) != 0x80;
    }
    return r->at;
}

/* The characters of a string without its quotes. */
static int characters(struct reader *r, struct str raw, struct build_at where,
                      struct str *out)
{
    *out = raw;
    if (!memchr(raw.p, '\\', raw.n))
        return 0;
    buf_reset(&r->text);
    if (json_unescape(&r->text, raw))
        return err_nomem(r->b->e);
    *out = buf_str(&r->text);
    return utf8_valid(*out)
               ? 0
               : build_fail(r->b, where, "string with half a surrogate pair");
}

static int read_value(struct reader *r, struct val v);

static int read_members(struct reader *r, struct val v)
{
    struct json_iter it = json_iter(v.raw);
    struct str key, text;
    struct val member;
    while (json_next(&it, &key, &member)) {
        if (v.type == JSON_OBJECT) {
            struct build_at where = at(r, key.p - 1);
            if (characters(r, key, where, &text) ||
                build_key(r->b, text, false, where))
                return -1;
        }
        if (read_value(r, member))
            return -1;
    }
    return build_close(r->b);
}

/* Goes as deep as the document, which is bounded. */
static int read_value(struct reader *r, struct val v)
{
    struct build_at where = at(r, v.raw.p);
    struct str text = v.raw;
    if (v.type == JSON_OBJECT || v.type == JSON_ARRAY)
        return build_open(r->b, v.type, NULL, where) || read_members(r, v) ? -1
                                                                           : 0;
    if (v.type == JSON_STRING) {
        struct str raw = { v.raw.p + 1, v.raw.n - 2 };
        if (characters(r, raw, where, &text))
            return -1;
    }
    return build_scalar(r->b, text, v.type != JSON_STRING, NULL, where);
}

const struct yaml *yaml_parse_json(struct arena *a, struct str text,
                                   const char *name, struct err *e)
{
    struct build b = { .arena = a, .name = name, .e = e };
    struct reader r = { .b = &b, .at = { 1, 1 } };
    if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
        text = (struct str){ text.p + 3, text.n - 3 };
    r.p = text.p;
    int failed = read_value(&r, json_val(text));
    buf_free(&r.text);
    build_free(&b);
    return failed ? NULL : b.root;
}
