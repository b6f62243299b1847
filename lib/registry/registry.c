#include "registry/registry.h"

#include "base/date.h"
#include "json/check.h"
#include "registry/entry.h"
#include "registry/frame.h"

#include <stdlib.h>

#define MAX_RECORD_DEFAULT ((size_t)16 << 20)

/* Decoders of nested values call themselves. */
#define DEPTH_MAX 1000

/* Ids come from the messages, so their number is bounded here. */
#define ENTRIES_MAX 4096

/* A producer may be faster than the registry's replicas: an id that nobody
 * knows is asked for again. */
#define ASK_AGAIN_US INT64_C(10000000)

struct registry {
    struct registry_fetch fetch;
    struct registry_options opts;
    struct proto_scratch *scratch;
    struct entry *last;   /* messages of one schema come in runs */
    struct entry **table; /* open addressing, ENTRIES_MAX * 2 places */
    size_t n;
};

struct registry *registry_new(const struct registry_fetch *fetch,
                              const struct registry_options *options)
{
    struct registry *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->fetch = *fetch;
    r->opts = *options;
    if (!r->opts.max_record)
        r->opts.max_record = MAX_RECORD_DEFAULT;
    if (!r->opts.max_depth)
        r->opts.max_depth = JSON_DEPTH_DEFAULT;
    if (r->opts.max_depth > DEPTH_MAX)
        r->opts.max_depth = DEPTH_MAX;
    r->scratch = proto_scratch_new();
    r->table = calloc(ENTRIES_MAX * 2, sizeof(struct entry *));
    if (r->scratch && r->table)
        return r;
    registry_free(r);
    return NULL;
}

static void forget_all(struct registry *r)
{
    for (size_t i = 0; r->table && i < ENTRIES_MAX * 2; i++) {
        entry_free(r->table[i]);
        r->table[i] = NULL;
    }
    r->n = 0;
    r->last = NULL;
}

void registry_free(struct registry *r)
{
    if (!r)
        return;
    forget_all(r);
    free(r->table);
    proto_scratch_free(r->scratch);
    free(r);
}

/* ---- schemas */

static struct entry **place_of(const struct registry *r, uint32_t id)
{
    size_t i = id * UINT32_C(2654435769) % (ENTRIES_MAX * 2);
    while (r->table[i] && r->table[i]->id != id)
        i = (i + 1) % (ENTRIES_MAX * 2);
    return &r->table[i];
}

static bool to_be_asked_again(const struct entry *entry)
{
    return entry->bad && strcmp(entry->fault.code, "unknown_schema") == 0 &&
           time_now() - entry->asked > ASK_AGAIN_US;
}

/* The schema with this id; NULL with e. */
static struct entry *entry_of(struct registry *r, uint32_t id, struct err *e)
{
    struct entry *new;
    if (r->last && r->last->id == id && !r->last->bad)
        return r->last;
    struct entry **place = place_of(r, id);
    if (*place && !to_be_asked_again(*place))
        return r->last = *place;
    if (entry_new(&new, &r->fetch, id, r->opts.validate, e))
        return NULL;
    if (!*place && r->n == ENTRIES_MAX) {
        forget_all(r);
        place = place_of(r, id);
    }
    r->n += *place == NULL;
    entry_free(*place);
    return r->last = *place = new;
}

/* ---- payloads; each returns false as emit.h says */

static bool decode_avro(const struct registry *r, const struct entry *entry,
                        struct str payload, struct emit *m)
{
    if (avro_is_bytes(entry->avro))
        return emit_base64(m, payload);
    return avro_decode(entry->avro, payload, r->opts.tagged_unions, m);
}

static bool decode_protobuf(const struct registry *r, const struct entry *entry,
                            struct str payload, struct emit *m)
{
    uint32_t path[FRAME_PATH_MAX];
    size_t n;
    if (!frame_path(&payload, path, &n))
        return emit_fault(m, "not_framed",
                          "the path of the message type cannot be read");
    const struct proto_message *type = proto_message_at(entry->proto, path, n);
    if (!type)
        return emit_fault(m, "bad_protobuf",
                          "schema %u has no message type at the path of this "
                          "message",
                          (unsigned)entry->id);
    return proto_decode(type, payload, r->opts.json_names, r->scratch, m);
}

/* As it is, but on one line: line ends between tokens become spaces. */
static bool pass_json(struct str payload, struct emit *m)
{
    size_t from = m->out->n;
    struct json_fault f;
    if (!emit_room(m, payload.n))
        return false;
    if (json_check_value(payload, m->max_depth, &f))
        return emit_fault(m,
                          strcmp(f.code, "not_json") == 0 ? "bad_json" : f.code,
                          "%s at byte %zu", f.why, f.offset);
    if (!emit_raw(m, payload))
        return false;
    for (char *p = m->out->p + from; p < m->out->p + m->out->n; p++)
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    return true;
}

static void invalid(const struct schema_error *error, const struct emit *m)
{
    (void)emit_fault(m, "invalid", "%.*s", STR_ARG(error->message));
    struct str path = error->path;
    if (path.n < sizeof(m->why->path)) {
        memcpy(m->why->path, path.p, path.n);
        m->why->path[path.n] = '\0';
    }
}

static enum registry_result validate(const struct entry *entry,
                                     const struct emit *m, struct err *e)
{
    const struct schema_error *errors;
    size_t n;
    struct str text = { m->out->p + m->start, m->out->n - m->start };
    int r = entry->run ? schema_check(entry->run, text, &errors, &n, e) : 1;
    if (r == 0)
        invalid(&errors[0], m);
    return (enum registry_result)r;
}

static enum registry_result decode(const struct registry *r,
                                   const struct entry *entry,
                                   struct str payload, struct emit *m,
                                   struct err *e)
{
    bool good = false;
    switch (entry->type) {
    case DOCUMENT_AVRO: good = decode_avro(r, entry, payload, m); break;
    case DOCUMENT_PROTOBUF: good = decode_protobuf(r, entry, payload, m); break;
    case DOCUMENT_JSON: good = pass_json(payload, m); break;
    }
    if (!good && m->why->code)
        return REGISTRY_REJECTED;
    if (!good)
        return (enum registry_result)err_nomem(e);
    struct val v =
        json_val((struct str){ m->out->p + m->start, m->out->n - m->start });
    if (!r->opts.any_value && v.type != JSON_OBJECT) {
        (void)emit_fault(m, "not_object", "the message is %s: no object",
                         json_type_name(v.type));
        return REGISTRY_REJECTED;
    }
    return validate(entry, m, e);
}

enum registry_result registry_decode(struct registry *r, struct str framed,
                                     struct buf *out,
                                     struct registry_fault *why, struct err *e)
{
    struct emit m = {
        out, out->n, r->opts.max_record, 0, r->opts.max_depth, why
    };
    uint32_t id;
    why->code = NULL;
    if (!frame_id(&framed, &id)) {
        (void)emit_fault(&m, "not_framed",
                         "no zero byte and schema id in front of %zu bytes",
                         framed.n);
        return REGISTRY_REJECTED;
    }
    const struct entry *entry = entry_of(r, id, e);
    if (!entry)
        return REGISTRY_FAILED;
    enum registry_result result = REGISTRY_REJECTED;
    if (entry->bad)
        *why = entry->fault;
    else
        result = decode(r, entry, framed, &m, e);
    if (result != REGISTRY_DECODED) {
        out->n = m.start;
        out->failed = false;
    }
    return result;
}
