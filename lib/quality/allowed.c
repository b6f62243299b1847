#include "quality/allowed.h"

#include "io/lines.h"
#include "json/check.h"
#include "json/key.h"
#include "json/utf8.h"

#define LINE_MAX_BYTES ((size_t)16 << 20)

void allowed_init(struct allowed *a, struct budget *budget)
{
    *a = (struct allowed){ 0 };
    keyset_init_unnumbered(&a->keys, budget);
}

int allowed_has(const struct allowed *a, struct val v, struct buf *key)
{
    uint32_t number;
    buf_reset(key);
    int r = key_add(key, v);
    struct str k = buf_str(key);
    if (r) /* a number out of range is among none */
        return r == -1 ? -1 : 0;
    return keyset_find(&a->keys, keyset_hash(&a->keys, k), k, &number);
}

void allowed_free(struct allowed *a)
{
    keyset_free(&a->keys);
    buf_free(&a->key);
}

/* The key of a line that is no JSON: the string that it is. */
static int plain_key(struct buf *key, struct str line)
{
    struct buf quoted = { 0 };
    int r = json_quote(&quoted, line);
    if (r == 0)
        r = key_add(key, (struct val){ JSON_STRING, buf_str(&quoted) });
    buf_free(&quoted);
    return r;
}

static int add_line(struct allowed *a, struct str line, const char *source,
                    uint64_t number, struct err *e)
{
    struct json_fault f;
    uint32_t n;
    if (!line.n)
        return 0;
    if (!utf8_valid(line))
        return err_set(e, ERR_CONFIG, "line %llu of '%s' is not UTF-8",
                       (unsigned long long)number, source);
    buf_reset(&a->key);
    int r;
    if (json_check_value(line, JSON_DEPTH_DEFAULT, &f) == 0)
        r = key_add(&a->key, json_val(line));
    else if (strchr("\"[{", line.p[0]))
        return err_set(e, ERR_CONFIG,
                       "line %llu of '%s' is no JSON value: %s at byte %zu",
                       (unsigned long long)number, source, f.why, f.offset + 1);
    else
        r = plain_key(&a->key, line);
    if (r < -1)
        return err_set(e, ERR_CONFIG,
                       "line %llu of '%s' is a value that cannot be compared",
                       (unsigned long long)number, source);
    if (r)
        return err_nomem(e);
    struct str key = buf_str(&a->key);
    return keyset_insert(&a->keys, keyset_hash(&a->keys, key), key, &n, e) < 0
               ? -1
               : 0;
}

int allowed_add(struct allowed *a, struct str text, const char *source,
                struct err *e)
{
    uint64_t number = 0;
    while (text.n) {
        const char *lf = memchr(text.p, '\n', text.n);
        size_t n = lf ? (size_t)(lf - text.p) : text.n;
        if (add_line(a, (struct str){ text.p, n }, source, ++number, e))
            return -1;
        n += lf != NULL;
        text = (struct str){ text.p + n, text.n - n };
    }
    return 0;
}

static int load_lines(struct allowed *a, struct lines *l, const char *path,
                      struct err *e)
{
    struct line line;
    int r;
    while ((r = lines_next(l, &line, e)) == 1) {
        if (line.too_long)
            return err_set(e, ERR_CONFIG, "line %llu of '%s' is too long",
                           (unsigned long long)line.line, path);
        if (add_line(a, line.text, path, line.line, e))
            return -1;
    }
    return r;
}

int allowed_load(struct allowed *a, const char *path, struct err *e)
{
    struct input in;
    struct lines l = { 0 };
    if (input_open(&in, path, e))
        return -1;
    int r = lines_init(&l, &in, LINE_MAX_BYTES, e);
    if (r == 0) {
        r = load_lines(a, &l, path, e);
        lines_free(&l);
    }
    input_close(&in);
    return r;
}
