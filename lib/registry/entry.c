#include "registry/entry.h"

#include "base/date.h"

#include <stdio.h>
#include <stdlib.h>

static int compile_json(struct entry *entry, const struct document *d,
                        struct err *e)
{
    struct buf text = { .max = 2 * DOCUMENT_MAX_BYTES };
    char source[32];
    struct err why;

    snprintf(source, sizeof(source), "schema %u", (unsigned)entry->id);
    if (document_bundle(d, &text)) {
        buf_free(&text);
        struct emit m = { .why = &entry->fault };
        (void)emit_fault(&m, "bad_schema", "%s cannot be put together", source);
        return 0;
    }
    entry->schema = schema_compile(buf_str(&text), source, NULL, &why);
    buf_free(&text);
    if (entry->schema) {
        entry->run = schema_run_new(entry->schema);
        return entry->run ? 1 : err_nomem(e);
    }
    if (why.code == ERR_TEMPFAIL) {
        *e = why;
        return -1;
    }
    struct emit m = { .why = &entry->fault };
    (void)emit_fault(&m, "bad_schema", "%s", why.msg);
    return 0;
}

/* 1; 0 with the fault; -1 with e. */
static int compile(struct entry *entry, const struct document *d, bool validate,
                   struct err *e)
{
    int r = 1;
    entry->type = d->type;
    switch (d->type) {
    case DOCUMENT_AVRO:
        r = avro_new(&entry->avro, d->text, d->texts, d->n, &entry->fault);
        break;
    case DOCUMENT_PROTOBUF:
        r = proto_new(&entry->proto, d->text, d->names, d->texts, d->n,
                      &entry->fault);
        break;
    case DOCUMENT_JSON: return validate ? compile_json(entry, d, e) : 1;
    }
    return r < 0 ? err_nomem(e) : r;
}

int entry_new(struct entry **out, const struct registry_fetch *fetch,
              uint32_t id, bool validate, struct err *e)
{
    struct document d = { 0 };
    struct entry *entry = calloc(1, sizeof(*entry));
    if (!entry)
        return err_nomem(e);
    entry->id = id;
    entry->asked = time_now();
    int r = document_get(&d, fetch, id, &entry->fault, e);
    if (r > 0)
        r = compile(entry, &d, validate, e);
    document_free(&d);
    if (r < 0) {
        entry_free(entry);
        return -1;
    }
    entry->bad = r == 0;
    *out = entry;
    return 0;
}

void entry_free(struct entry *entry)
{
    if (!entry)
        return;
    avro_free(entry->avro);
    proto_free(entry->proto);
    schema_run_free(entry->run);
    schema_free(entry->schema);
    free(entry);
}
