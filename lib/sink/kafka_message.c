/* Records as messages. */
#include "sink/kafka.h"

#include "base/date.h"
#include "json/number.h"

#include <stdlib.h>

#define OVERHEAD 128 /* bytes of a batch and a record around their contents */

/* ---- setting up ---- */

static int add_field(struct kafka_sink *s, struct str name, struct err *e)
{
    struct path_step step = { name, PATH_NO_INDEX };
    struct path p = { .steps = &step, .n = 1, .text = name };
    return select_add(s->select, &p) < 0 ? err_nomem(e) : 0;
}

int kafka_message_init(struct kafka_sink *s, const char *time, bool headers,
                       struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    s->select = select_new();
    s->vals = calloc(spec->n_keys + 1, sizeof(*s->vals));
    if (!s->select || !s->vals)
        return err_nomem(e);
    for (size_t i = 0; i < spec->n_keys; i++)
        if (add_field(s, spec->keys[i], e))
            return -1;
    s->time = time;
    if (time && add_field(s, str_of(time), e))
        return -1;
    if (!headers)
        return 0;
    if (!spec->run_id)
        return err_set(e, ERR_USAGE,
                       "option --kafka-headers wants --run-id: messages name "
                       "their run");
    s->headers[s->n_headers++] =
        (struct producer_header){ "pipe.run_id", str_of(spec->run_id) };
    if (spec->pipeline && *spec->pipeline)
        s->headers[s->n_headers++] =
            (struct producer_header){ "pipe.pipeline", str_of(spec->pipeline) };
    return 0;
}

/* ---- key and time ---- */

/* Fills s->key from values of the key fields. One string is its characters, as
 * other clients write it; several values are a JSON array. 1; 0 with why; -1.
 */
static int make_key(struct kafka_sink *s, const struct val *v,
                    struct sink_refusal *why, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    struct buf *b = &s->key;
    buf_reset(b);
    for (size_t i = 0; i < spec->n_keys; i++)
        if (v[i].type <= JSON_NULL)
            return sink_refusef(why, "null_key", spec->keys[i],
                                "key '%.*s' is %s", STR_ARG(spec->keys[i]),
                                json_type_name(v[i].type));
    if (spec->n_keys == 1 && v[0].type == JSON_STRING) {
        (void)json_unescape(b, (struct str){ v[0].raw.p + 1, v[0].raw.n - 2 });
    } else if (spec->n_keys == 1) {
        buf_add_str(b, v[0].raw);
    } else {
        for (size_t i = 0; i < spec->n_keys; i++) {
            buf_addc(b, i ? ',' : '[');
            buf_add_str(b, v[i].raw);
        }
        buf_addc(b, ']');
    }
    return b->failed ? err_nomem(e) : 1;
}

/* 1; 0 with why; -1. */
static int take_time(struct kafka_sink *s, struct val v, int64_t *ms,
                     struct sink_refusal *why, struct err *e)
{
    struct str text;
    int64_t us = 0;
    bool good = false;
    if (v.type == JSON_STRING) {
        if (json_string(v, &s->scratch, &text))
            return err_nomem(e);
        good = time_parse(text, s->base.spec->tz, &us) && us >= 0;
        *ms = us / 1000;
    } else if (v.type == JSON_NUMBER) {
        good = number_scaled_i64(v.raw, 0, ms) && *ms >= 0;
    }
    /* To the library 0 is now. */
    if (good && *ms == 0)
        *ms = 1;
    return good ? 1
                : sink_refusef(why, "bad_time", str_of(s->time),
                               "is %.*s, not a time since 1970 (RFC 3339, or "
                               "milliseconds)",
                               v.raw.n ? (int)(v.raw.n > 60 ? 60 : v.raw.n) : 7,
                               v.raw.n ? v.raw.p : "missing");
}

/* ---- messages ---- */

static struct producer_message begin_message(struct kafka_sink *s)
{
    return (struct producer_message){ .topic = s->base.spec->table,
                                      .partition = RD_KAFKA_PARTITION_UA,
                                      .has_key = s->base.spec->n_keys > 0,
                                      .headers = s->headers,
                                      .n_headers = s->n_headers };
}

int kafka_message_row(struct kafka_sink *s, const struct sink_record *r,
                      struct producer_message *m, struct sink_refusal *why,
                      struct err *e)
{
    size_t keys = s->base.spec->n_keys;
    *m = begin_message(s);
    m->value = r->text;
    if (!keys && !s->time)
        return 1;
    if (select_pick(s->select, r->text, r->shaped, s->vals))
        return err_set(e, ERR_BUG, "a record is not JSON");
    int done = keys ? make_key(s, s->vals, why, e) : 1;
    m->key = buf_str(&s->key);
    if (done > 0 && s->time) {
        /* The field may be a key too: then it has that one's slot. */
        struct val v = s->vals[select_size(s->select) - 1];
        for (size_t i = 0; i < keys; i++)
            if (str_eq(s->base.spec->keys[i], str_of(s->time)))
                v = s->vals[i];
        done = take_time(s, v, &m->time_ms, why, e);
    }
    return done;
}

int kafka_message_tombstone(struct kafka_sink *s, struct str key_object,
                            struct producer_message *m,
                            struct sink_refusal *why, struct err *e)
{
    const struct sink_spec *spec = s->base.spec;
    *m = begin_message(s);
    m->tombstone = true;
    for (size_t i = 0; i < spec->n_keys; i++)
        s->vals[i] = json_get(json_val(key_object), spec->keys[i]);
    int done = make_key(s, s->vals, why, e);
    m->key = buf_str(&s->key);
    return done;
}

int kafka_refuse_size(struct kafka_sink *s, const struct producer_message *m,
                      struct sink_refusal *why)
{
    uint64_t n = m->value.n + m->key.n + OVERHEAD;
    for (size_t i = 0; i < m->n_headers; i++)
        n += strlen(m->headers[i].name) + m->headers[i].value.n + 10;
    if (!s->message_max || n <= s->message_max)
        return 1;
    return sink_refusef(why, "message_too_large", STR(""),
                        "message of %zu bytes: topic '%s' takes %llu with what "
                        "goes around it",
                        m->value.n + m->key.n, s->base.spec->table,
                        (unsigned long long)s->message_max);
}
