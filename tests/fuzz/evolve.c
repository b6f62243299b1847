/* Versions of a schema and a value: no schema crashes the comparison, and what
 * it calls compatible has no counterexample. Data that starts with '{' is two
 * lines of schemas and one of a value; all else is choices that schemas are
 * made of: how many are changed, which, and to what. */
#include "fuzz.h"

#include "../lib/evolvecheck.h"
#include "../lib/schemagen.h"
#include "json/check.h"

#define VALUES 20

static void check(struct str was, struct str now, const struct str *values,
                  size_t n)
{
    struct evolvecheck k;
    struct json_fault f;
    int accepted = 0;
    evolve_begin(&k, was, now);
    for (size_t i = 0; k.usable && i < n; i++)
        if (json_check_value(values[i], JSON_DEPTH_DEFAULT, &f) == 0)
            MUST(evolve_holds(&k, values[i], &accepted));
    evolve_end(&k);
}

static struct str line(struct str *rest)
{
    const char *lf = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    struct str s = { rest->p, lf ? (size_t)(lf - rest->p) : rest->n };
    size_t n = s.n + (lf != NULL);
    *rest = (struct str){ rest->p + n, rest->n - n };
    return s;
}

static void check_choices(const uint8_t *data, size_t n)
{
    struct buf was = { 0 }, now = { 0 }, text[VALUES] = { 0 };
    struct str values[VALUES];
    size_t changes = data[0] % 4, used = 1 + 2 * changes;
    if (n < used + 20)
        return;
    size_t half = used + (n - used) / 2;
    uint8_t *copy = malloc(half - used);
    MUST(copy);
    memcpy(copy, data + used, half - used);
    gen_document(&was, copy, half - used);
    for (size_t i = 0; i < changes; i++)
        copy[data[1 + 2 * i] % (half - used)] = data[2 + 2 * i];
    gen_document(&now, copy, half - used);
    for (size_t i = 0; i < VALUES; i++) {
        size_t from = half + (n - half) * i / VALUES;
        gen_instance(&text[i], data + from, n - from);
        values[i] = buf_str(&text[i]);
    }
    check(buf_str(&was), buf_str(&now), values, VALUES);
    for (size_t i = 0; i < VALUES; i++)
        buf_free(&text[i]);
    free(copy);
    buf_free(&was);
    buf_free(&now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n && data[0] == '{') {
        struct str rest = { (const char *)data, n };
        struct str was = line(&rest), now = line(&rest), value = line(&rest);
        /* Numbers out of range are rejected where they are compared. */
        bool far = memchr(data, 'e', n) || memchr(data, 'E', n);
        check(was, now, &value, far ? 0 : 1);
    } else if (n) {
        check_choices(data, n);
    }
    return 0;
}
