/* Avro: of whatever schema and datum, what is written is one JSON value within
 * the limits. Input: the schema, a NUL, the datum. */
#include "fuzz.h"
#include "json/check.h"
#include "registry/avro.h"

#define MAX ((size_t)1 << 16)
#define DEPTH 64

static void decode(const struct avro *a, struct str data, bool tagged)
{
    struct buf out = { 0 };
    struct registry_fault why;
    struct json_fault f;
    struct emit m = { &out, 0, MAX, 0, DEPTH, &why };
    if (avro_decode(a, data, tagged, &m)) {
        MUST(out.n <= MAX);
        MUST(json_check_value(buf_str(&out), DEPTH, &f) == 0);
    } else {
        MUST(why.code && *why.message);
    }
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *text = (const char *)data;
    const char *nul = n ? memchr(text, 0, n) : NULL;
    struct str schema = { text, nul ? (size_t)(nul - text) : n };
    struct str datum = { nul ? nul + 1 : text, nul ? n - schema.n - 1 : 0 };
    struct registry_fault why;
    struct avro *a = NULL;
    int r = avro_new(&a, schema, NULL, 0, &why);
    MUST(r == 1 || (r == 0 && why.code && *why.message));
    if (r == 1) {
        decode(a, datum, false);
        decode(a, datum, true);
    }
    avro_free(a);
    return 0;
}
