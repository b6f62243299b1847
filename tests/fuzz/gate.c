/* Any text is a gate or a usage error. What was read of a gate is read of its
 * own parts again. */
#include "fuzz.h"
#include "quality/gate.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct gate g, again;
    struct err e = { 0 };
    char *text = malloc(n + 1);
    MUST(text != NULL);
    memcpy(text, data, n);
    text[n] = '\0';
    if (gate_parse(&g, text, &e)) {
        MUST(e.code == ERR_USAGE);
    } else {
        struct buf body = { 0 };
        buf_add_str(&body, g.rule.body);
        MUST(gate_parse(&again, buf_z(&body), &e) == 0);
        MUST(again.measure == g.measure && again.n_fields == g.n_fields);
        MUST(again.bound.kind == g.bound.kind);
        MUST(str_eq(buf_str(&again.label), buf_str(&g.label)));
        MUST(str_eq(again.wants, g.wants) && str_eq(again.shows, g.shows));
        gate_free(&again);
        buf_free(&body);
    }
    gate_free(&g);
    free(text);
    return 0;
}
