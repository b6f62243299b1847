/* Protobuf: of whatever schema and message, what is written is one JSON value
 * within the limits. Input: .proto source, or a set of descriptors if it begins
 * with a byte 1; a NUL (descriptors: their length in two bytes in front), the
 * message. */
#include "fuzz.h"
#include "json/check.h"
#include "registry/proto.h"

#define MAX ((size_t)1 << 16)
#define DEPTH 64

static struct proto_scratch *scratch;

static void decode(const struct proto_message *type, struct str data)
{
    struct buf out = { 0 };
    struct registry_fault why;
    struct json_fault f;
    struct emit m = { &out, 0, MAX, 0, DEPTH, &why };
    if (proto_decode(type, data, data.n & 1, scratch, &m)) {
        MUST(out.n <= MAX);
        MUST(json_check_value(buf_str(&out), DEPTH, &f) == 0);
    } else {
        MUST(why.code && *why.message);
    }
    buf_free(&out);
}

/* Splits the input; false for descriptors. */
static bool split(const char *p, size_t n, struct str *schema,
                  struct str *message)
{
    bool source = !n || p[0] != 1;
    size_t from = source ? 0 : n < 3 ? n : 3, len = n - from;
    if (source) {
        const char *nul = n ? memchr(p, 0, n) : NULL;
        len = nul ? (size_t)(nul - p) : n;
    } else if (n >= 3) {
        size_t want = (size_t)(unsigned char)p[1] << 8 | (unsigned char)p[2];
        len = want < len ? want : len;
    }
    *schema = (struct str){ p + from, len };
    size_t behind = from + len + (source && from + len < n);
    *message = (struct str){ p + behind, n - behind };
    return source;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str schema, message;
    struct registry_fault why;
    struct proto *p = NULL;
    if (!scratch)
        scratch = proto_scratch_new();
    int r = split((const char *)data, n, &schema, &message)
                ? proto_new(&p, schema, NULL, NULL, 0, &why)
                : proto_new_set(&p, schema, &why);
    MUST(r == 1 || (r == 0 && why.code && *why.message));
    for (uint32_t i = 0; r == 1 && i < 4; i++) {
        const struct proto_message *type = proto_message_at(p, &i, 1);
        if (type)
            decode(type, message);
    }
    proto_free(p);
    return 0;
}
