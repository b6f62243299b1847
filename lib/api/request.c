#include "api/request.h"

#include "http/url.h"
#include "io/input.h"
#include "json/check.h"
#include "json/value.h"

#include <string.h>

static const struct str blank = { "{cursor}", 8 };

/* Where the blank is in s, or NULL. */
static const char *find(struct str s, struct str what)
{
    return s.n ? memmem(s.p, s.n, what.p, what.n) : NULL;
}

/* ---- the URL ---- */

/* The watermark as text: a string without quotes and escapes. 0, or -1. */
static int watermark(const struct api_opts *o, struct str from, struct buf *out)
{
    struct val v = json_val(from);
    if (v.type == JSON_STRING && v.raw.n >= 2)
        return json_unescape(out, (struct str){ v.raw.p + 1, v.raw.n - 2 });
    if (v.type != JSON_MISSING && v.type != JSON_NULL)
        return buf_add_str(out, v.raw);
    return o->initial ? buf_addz(out, o->initial) : 0;
}

/* Appends s with each blank replaced by value, encoded if wanted. */
static void fill(struct str s, struct str value, bool encode, struct buf *out)
{
    for (const char *at; (at = find(s, blank));) {
        size_t n = (size_t)(at - s.p);
        buf_add(out, s.p, n);
        if (encode)
            url_encode(out, value);
        else
            buf_add_str(out, value);
        s = (struct str){ at + blank.n, s.n - n - blank.n };
    }
    buf_add_str(out, s);
}

/* Appends uri; parameters with a blank that nothing fills are left out. */
static int fill_uri(const char *uri, struct str value, struct buf *out,
                    struct err *e)
{
    const char *p = uri + strcspn(uri, "?#"), *stop = uri + strcspn(uri, "#");
    struct str place = { uri, (size_t)(p - uri) };
    char with = '?';
    if (find(place, blank) && !value.n)
        return err_set(e, ERR_USAGE,
                       "'%s': there is no watermark yet for {cursor}: say "
                       "--initial",
                       uri);
    fill(place, value, true, out);
    while (p < stop) {
        const char *from = p + 1, *amp = from;
        while (amp < stop && *amp != '&')
            amp++;
        struct str param = { from, (size_t)(amp - from) };
        p = amp;
        if (!value.n && find(param, blank))
            continue;
        buf_addc(out, with);
        fill(param, value, true, out);
        with = '&';
    }
    return out->failed ? err_nomem(e) : 0;
}

static int set_params(const struct api_opts *o, struct str value,
                      struct buf *url, struct err *e)
{
    for (size_t i = 0; i < o->params.n; i++) {
        const char *text = o->params.v[i], *sign = strchr(text, '=');
        struct str name = { text, (size_t)(sign - text) };
        struct str raw = str_of(sign + 1);
        struct buf filled = { .max = 65536 }, next = { .max = url->max };
        if (!value.n && find(raw, blank))
            continue;
        fill(raw, value, false, &filled);
        struct str v = buf_str(&filled);
        int bad = filled.failed || !buf_z(url) ||
                  url_set_param(url->p, name, v, &next);
        buf_free(&filled);
        buf_free(url);
        *url = next;
        if (bad)
            return err_nomem(e);
    }
    return 0;
}

int request_url(const struct api_opts *o, const char *uri, struct str from,
                struct buf *out, struct err *e)
{
    struct buf value = { .max = 65536 }, url = { .max = 1 << 17 };
    int bad = watermark(o, from, &value) ? err_nomem(e) : 0;
    bad = bad || fill_uri(uri, buf_str(&value), &url, e) ||
          set_params(o, buf_str(&value), &url, e);
    if (!bad && (buf_add_str(out, buf_str(&url)) || !buf_z(out)))
        bad = err_nomem(e);
    buf_free(&value);
    buf_free(&url);
    return bad ? -1 : 0;
}

bool request_has_cursor(const struct api_opts *o, const char *uri)
{
    if (strstr(uri, blank.p) || (o->body && strstr(o->body, blank.p)))
        return true;
    for (size_t i = 0; i < o->params.n; i++)
        if (strstr(o->params.v[i], blank.p))
            return true;
    return false;
}

/* ---- the body ---- */

int request_template(const struct api_opts *o, struct buf *out, struct err *e)
{
    struct input in;
    char block[8192];
    ssize_t n;
    if (!o->body)
        return 0;
    if (o->body[0] != '@')
        return buf_addz(out, o->body) ? err_nomem(e) : 0;
    if (input_open(&in, o->body + 1, e))
        return -1;
    in.raw = true;
    while ((n = input_read(&in, block, sizeof(block), e)) > 0)
        if (buf_add(out, block, (size_t)n)) {
            n = err_set(e, ERR_USAGE, "body '%s' is longer than %zu bytes",
                        o->body + 1, out->max);
            break;
        }
    input_close(&in);
    return n < 0 ? -1 : 0;
}

static void add_scalar(const struct api_opts *o, struct str from,
                       struct buf *out)
{
    if (from.n)
        buf_add_str(out, from);
    else if (o->initial && json_number_valid(str_of(o->initial)))
        buf_addz(out, o->initial);
    else if (o->initial)
        json_quote(out, str_of(o->initial));
    else
        buf_addz(out, "null");
}

int request_body(const struct api_opts *o, struct str text, struct str from,
                 struct str page, struct buf *out, bool *paged)
{
    static const struct str page_blank = { "{page}", 6 };
    if (paged)
        *paged = find(text, page_blank) != NULL;
    while (text.n) {
        const char *a = find(text, blank), *b = find(text, page_blank);
        bool cursor = a && (!b || a < b);
        const char *at = cursor ? a : b;
        if (!at)
            break;
        size_t n = (size_t)(at - text.p);
        size_t skip = n + (cursor ? blank.n : page_blank.n);
        buf_add(out, text.p, n);
        if (cursor)
            add_scalar(o, from, out);
        else
            buf_add_str(out, page.n ? page : STR("null"));
        text = (struct str){ text.p + skip, text.n - skip };
    }
    return buf_add_str(out, text);
}
