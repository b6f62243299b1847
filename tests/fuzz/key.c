/* Keys of any bytes: bounded, the same at every call, and a key of what was
 * checked fails only for a number out of range. Two values, one on each side
 * of an LF, have equal words if and only if they have equal keys. A key is
 * printed as a value that has the same key. */
#include "fuzz.h"
#include "json/check.h"
#include "json/key.h"
#include "table/wordkey.h"

static void compare_words(struct str x, struct str y)
{
    static const size_t part[1];
    struct json_fault fault;
    if (json_check_value(x, JSON_DEPTH_DEFAULT, &fault) ||
        json_check_value(y, JSON_DEPTH_DEFAULT, &fault))
        return;
    struct val v[2] = { json_val(x), json_val(y) };
    struct buf key[2] = { { 0 }, { 0 } };
    struct wordkeys *w = wordkeys_new();
    MUST(w != NULL);
    uint64_t word[2] = { wordkey_of(w, &v[0], part, 1),
                         wordkey_of(w, &v[1], part, 1) };
    MUST(wordkey_of(w, &v[0], part, 1) == word[0]);
    if (key_add(&key[0], v[0]) == 0 && key_add(&key[1], v[1]) == 0) {
        bool same = str_eq(buf_str(&key[0]), buf_str(&key[1]));
        if (same || word[0] || word[1])
            MUST(same == (word[0] == word[1]));
    }
    buf_free(&key[0]);
    buf_free(&key[1]);
    wordkeys_free(w);
}

static void print(struct str key)
{
    struct buf text = { 0 }, again = { 0 };
    struct str rest = key;
    MUST(key_print(&text, &rest) == 0 && rest.n == 0);
    MUST(key_add(&again, json_val(buf_str(&text))) == 0);
    MUST(str_eq(buf_str(&again), key));
    buf_free(&text);
    buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = { (const char *)data, n };
    struct json_fault fault;
    struct buf a = { 0 }, b = { 0 };
    struct val v = json_val(text);
    int status = key_add(&a, v);
    if (json_check_value(text, JSON_DEPTH_DEFAULT, &fault) == 0) {
        MUST(status == 0 || status == -2);
        if (status == 0)
            print(buf_str(&a));
    }
    MUST(key_add(&b, v) == status);
    if (status == 0)
        MUST(a.n > 0 && str_eq(buf_str(&a), buf_str(&b)));
    buf_free(&a);
    buf_free(&b);
    const char *lf = n ? memchr(text.p, '\n', n) : NULL;
    if (lf)
        compare_words((struct str){ text.p, (size_t)(lf - text.p) },
                      (struct str){ lf + 1, n - (size_t)(lf + 1 - text.p) });
    return 0;
}
