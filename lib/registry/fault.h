/* fault: why a message is no record. */
#ifndef REGISTRY_FAULT_H
#define REGISTRY_FAULT_H

/* `code` is one of: not_framed (no magic byte and id), unknown_schema (the
 * registry has none of that id), bad_schema (it cannot be used), bad_avro,
 * bad_protobuf, bad_json, not_object (a value, but no record), invalid_utf8,
 * number_range, time_range, too_deep, too_long, invalid (JSON Schema). */
struct registry_fault {
    const char *code;  /* static */
    char path[256];    /* JSON Pointer of the field, "" for the record; cut
                          at the front where it is longer */
    char message[256]; /* what is wrong, without line feeds */
};

#endif
