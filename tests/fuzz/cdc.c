/* Change events: whatever comes, what is read stays within its bytes; what was
 * JSON gives rows that are JSON objects. */
#include "cdc/cdc.h"
#include "fuzz.h"
#include "json/check.h"

static void check_ops(const struct cdc_event *ev)
{
    struct json_fault f;
    MUST(ev->n > 0);
    for (size_t i = 0; i < ev->n; i++) {
        const struct cdc_op *op = &ev->ops[i];
        MUST((op->kind == CDC_TRUNCATE) == (op->row.n == 0));
        MUST(!op->row.n || !json_check_object(op->row, JSON_DEPTH_MAX, &f));
        MUST(!op->old_key.n ||
             !json_check_object(op->old_key, JSON_DEPTH_MAX, &f));
    }
}

static void check_rows(struct cdc *c, struct str text)
{
    struct buf out = { 0 };
    struct json_fault f;
    struct cdc_fault why;
    size_t n, from = 0;
    if (cdc_unwrap(c, text, &out, &n, &why) == CDC_OPS) {
        MUST(n > 0 && out.n > 0 && out.p[out.n - 1] == '\n');
        for (; n > 0; n--) {
            const char *lf = memchr(out.p + from, '\n', out.n - from);
            MUST(lf);
            struct str line = { out.p + from, (size_t)(lf - out.p) - from };
            /* Line ends within a row stay where the record had them. */
            MUST(memchr(text.p, '\n', text.n) ||
                 !json_check_object(line, JSON_DEPTH_MAX, &f));
            from += line.n + 1;
        }
        MUST(from == out.n || memchr(text.p, '\n', text.n));
    }
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct str keys[] = { { "id", 2 }, { "v", 1 } };
    static const char *const tables[] = { "", "*", "t", "public.t" };
    struct str text = { (const char *)data, n };
    struct json_fault f;
    struct cdc_event ev;
    struct cdc_fault why;
    struct buf b = { 0 };
    bool sound = json_check_object(text, JSON_DEPTH_MAX, &f) == 0;
    for (size_t i = 0; i < 4; i++) {
        struct cdc *c = cdc_new(keys, 2, str_of(tables[i]));
        for (int twice = 0; c && twice < 2; twice++) {
            enum cdc_result r = cdc_decode(c, text, &ev, &why);
            MUST(r != CDC_NOMEM);
            if (r == CDC_OPS && sound)
                check_ops(&ev);
            MUST(r != CDC_REFUSED || (why.code && *why.message));
            if (sound)
                check_rows(c, text);
            MUST(r != CDC_OPS || cdc_position_json(&b, &ev.position) == 0);
        }
        cdc_free(c);
    }
    buf_free(&b);
    return 0;
}
