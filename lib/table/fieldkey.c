#include "table/fieldkey.h"

#include "json/key.h"

#include <stdlib.h>

/* Appends the paths of one list. */
static int add_list(struct fieldkey *k, const char *list, struct err *e)
{
    struct path *more;
    size_t n;
    if (path_list_parse(&more, &n, str_of(list), e))
        return -1;
    struct path *paths = realloc(k->paths, (k->n + n) * sizeof(*paths));
    if (!paths) {
        path_list_free(more, n);
        return err_nomem(e);
    }
    memcpy(paths + k->n, more, n * sizeof(*paths));
    free(more);
    k->paths = paths;
    k->n += n;
    return 0;
}

static int add_slots(struct fieldkey *k, struct err *e)
{
    for (size_t i = 0; i < k->n; i++) {
        int slot = select_add(k->select, &k->paths[i]);
        if (slot < 0)
            return err_nomem(e);
        for (size_t j = 0; j < i; j++)
            if (k->slots[j] == (size_t)slot)
                return err_set(e, ERR_USAGE, "key field '%.*s' is given twice",
                               STR_ARG(k->paths[i].text));
        k->slots[i] = (size_t)slot;
    }
    return 0;
}

int fieldkey_init(struct fieldkey *k, const char *const *lists, size_t n,
                  struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (add_list(k, lists[i], e))
            return -1;
    k->select = select_new();
    k->slots = calloc(k->n + 1, sizeof(*k->slots));
    k->vals = calloc(k->n + 1, sizeof(*k->vals));
    if (!k->select || !k->slots || !k->vals)
        return err_nomem(e);
    return add_slots(k, e);
}

static enum fieldkey_result result_of(int r)
{
    return r == 0 ? FIELDKEY_OK : r == -2 ? FIELDKEY_RANGE : FIELDKEY_DEEP;
}

int fieldkey_also(struct fieldkey *k, const char *field, size_t *slot,
                  struct err *e)
{
    struct path path;
    if (path_parse(&path, str_of(field), e))
        return -1;
    int i = select_add(k->select, &path);
    path_free(&path);
    struct val *vals =
        i < 0 ? NULL
              : realloc(k->vals, (select_size(k->select) + 1) * sizeof(*vals));
    if (!vals)
        return err_nomem(e);
    k->vals = vals;
    k->looks = true;
    *slot = (size_t)i;
    return 0;
}

int fieldkey_use_words(struct fieldkey *k, struct err *e)
{
    k->words = wordkeys_new();
    return k->words ? 0 : err_nomem(e);
}

/* Names the first part that is null or missing. */
static void find_null(const struct fieldkey *k, enum fieldkey_result *result,
                      size_t *part)
{
    for (size_t i = 0; i < k->n; i++) {
        if (k->vals[k->slots[i]].type <= JSON_NULL) {
            *result = FIELDKEY_NULL;
            *part = i;
            return;
        }
    }
}

/* The key as bytes. */
static int make_bytes(struct fieldkey *k, enum fieldkey_result *result,
                      size_t *part, struct err *e)
{
    for (size_t i = 0; i < k->n; i++) {
        int r = key_add(&k->key, k->vals[k->slots[i]]);
        if (r == -1)
            return err_nomem(e);
        if (r) {
            *result = result_of(r);
            *part = i;
            return 0;
        }
    }
    find_null(k, result, part);
    return 0;
}

int fieldkey_make(struct fieldkey *k, struct str record,
                  const struct shaped *shaped, enum fieldkey_result *result,
                  size_t *part, struct err *e)
{
    *result = FIELDKEY_OK;
    *part = 0;
    k->word = 0;
    if (k->n == 0 && k->looks &&
        select_pick(k->select, record, shaped, k->vals)) {
        *result = FIELDKEY_NO_JSON;
        return 0;
    }
    if (k->n == 0) {
        int r = key_add(&k->key, json_val(record));
        *result = result_of(r);
        return r == -1 ? err_nomem(e) : 0;
    }
    if (select_pick(k->select, record, shaped, k->vals)) {
        *result = FIELDKEY_NO_JSON;
        return 0;
    }
    if (k->words)
        k->word = wordkey_of(k->words, k->vals, k->slots, k->n);
    if (!k->word)
        return make_bytes(k, result, part, e);
    find_null(k, result, part);
    return 0;
}

int fieldkey_make_bytes(struct fieldkey *k, struct str record,
                        const struct shaped *shaped,
                        enum fieldkey_result *result, size_t *part,
                        struct err *e)
{
    struct wordkeys *words = k->words;
    k->words = NULL;
    int r = fieldkey_make(k, record, shaped, result, part, e);
    k->words = words;
    return r;
}

enum json_type fieldkey_type(const struct fieldkey *k, size_t part)
{
    return k->n ? k->vals[k->slots[part]].type : JSON_OBJECT;
}

void fieldkey_free(struct fieldkey *k)
{
    path_list_free(k->paths, k->n);
    select_free(k->select);
    free(k->slots);
    free(k->vals);
    wordkeys_free(k->words);
    buf_free(&k->key);
    *k = (struct fieldkey){ 0 };
}
