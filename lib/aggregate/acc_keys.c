#include "aggregate/acc_keys.h"

#include "json/key.h"

#define KEYS_MOST ((size_t)64 << 10) /* bytes, before the run is cut there */

static int add_key(struct acc *acc, uint32_t group, struct val v, struct err *e)
{
    buf_add(&acc->key, &group, sizeof(group));
    int r = key_add(&acc->key, v);
    if (r == 0 || r == -1)
        return r ? err_nomem(e) : 0;
    return err_set(e, ERR_BUG, "value without a key");
}

int acc_key_of(struct acc *acc, uint32_t group, struct val v, struct str *key,
               struct err *e)
{
    buf_reset(&acc->key);
    if (add_key(acc, group, v, e))
        return -1;
    *key = buf_str(&acc->key);
    return 0;
}

int acc_keys_make(struct acc *acc, const struct run *run, struct acc_keys *k,
                  struct err *e)
{
    size_t i = run->from;
    k->n = 0;
    k->end[0] = 0;
    buf_reset(&acc->key);
    for (; i < run->to && acc->key.n < KEYS_MOST; i++) {
        if (run_is_gap(run, i))
            continue;
        if (add_key(acc, run->groups[i], run->vals[i], e))
            return -1;
        k->of[k->n++] = i;
        k->end[k->n] = acc->key.n;
        struct str key = acc_keys_get(acc, k, k->n - 1);
        k->hash[k->n - 1] = keyset_hash(&acc->seen, key);
        keyset_prefetch(&acc->seen, k->hash[k->n - 1]);
    }
    k->next = i;
    for (size_t j = 0; acc->seen.n && j < k->n; j++)
        keyset_prefetch_key(&acc->seen, k->hash[j]);
    return 0;
}
