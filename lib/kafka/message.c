#include "kafka/message.h"

#include "base/base64.h"
#include "base/date.h"
#include "json/utf8.h"
#include "json/value.h"

#include <inttypes.h>

int message_one_line(struct buf *out, struct str json)
{
    size_t from = out->n;
    if (buf_add_str(out, json))
        return -1;
    for (char *p = out->p + from; p < out->p + out->n; p++)
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    return 0;
}

/* "name":"text", or "name_b64":"..." where it is no text. */
static void add_bytes(struct buf *out, const char *name, const void *p,
                      size_t n)
{
    struct str s = { p ? p : "", p ? n : 0 };
    bool text = utf8_valid(s);
    buf_addf(out, "\"%s%s\":", name, text ? "" : "_b64");
    if (!p)
        buf_addz(out, "null");
    else if (text)
        json_quote(out, s);
    else {
        buf_addc(out, '"');
        base64_encode(out, s);
        buf_addc(out, '"');
    }
}

static void add_headers(struct buf *out, const struct rd *rd,
                        const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t n;
    buf_addz(out, ",\"headers\":[");
    if (rd->message_headers(m, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
        for (size_t i = 0;
             rd->header_get_all(headers, i, &name, &value, &n) == 0; i++) {
            buf_addz(out, i ? ",{" : "{");
            add_bytes(out, "key", name, strlen(name));
            buf_addc(out, ',');
            add_bytes(out, "value", value, n);
            buf_addc(out, '}');
        }
    buf_addc(out, ']');
}

/* All but the value, without braces. */
static void add_fields(struct buf *out, const struct rd *rd,
                       const rd_kafka_message_t *m)
{
    rd_kafka_timestamp_type_t type;
    int64_t ms = rd->message_timestamp(m, &type);
    buf_addz(out, "\"topic\":");
    json_quote(out, str_of(rd->topic_name(m->rkt)));
    buf_addf(out,
             ",\"partition\":%" PRId32 ",\"offset\":%" PRId64 ",\"timestamp\":",
             m->partition, m->offset);
    if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || ms < 0 ||
        ms > INT64_MAX / 1000)
        buf_addz(out, "null");
    else {
        buf_addc(out, '"');
        time_format(out, ms * 1000);
        buf_addc(out, '"');
    }
    buf_addc(out, ',');
    add_bytes(out, "key", m->key, m->key_len);
    add_headers(out, rd, m);
}

/* The object's text up to its closing brace, and whether it has members. */
static struct str open_object(struct str value, bool *empty)
{
    const char *start = memchr(value.p, '{', value.n);
    const char *end = value.p + value.n;
    while (end > value.p && end[-1] != '}')
        end--;
    end -= end > value.p;
    *empty = !start || json_skip_space(start + 1, end) == end;
    return (struct str){ value.p, (size_t)(end - value.p) };
}

int message_record(struct buf *out, const struct rd *rd,
                   const rd_kafka_message_t *m, enum message_shape shape,
                   struct str value)
{
    bool empty;
    if (shape == MESSAGE_VALUE)
        buf_add_str(out, value);
    else if (shape == MESSAGE_FIELDS) {
        buf_add_str(out, open_object(value, &empty));
        buf_addz(out, empty ? "\"_kafka\":{" : ",\"_kafka\":{");
        add_fields(out, rd, m);
        buf_addz(out, "}}");
    } else {
        buf_addc(out, '{');
        add_fields(out, rd, m);
        buf_addz(out, ",\"value\":");
        buf_add_str(out, value);
        buf_addc(out, '}');
    }
    return out->failed ? -1 : 0;
}
