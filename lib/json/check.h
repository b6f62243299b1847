/* check: is this text one JSON value, whole and correct?
 *
 * The whole grammar of RFC 8259 (numbers and escapes included) and UTF-8 as
 * RFC 3629 defines it: no overlong forms, no surrogates, nothing above
 * U+10FFFF. Lone surrogates written as \u escapes are within the grammar and
 * accepted. No recursion: depth costs a bit a level. Thread-safe. */
#ifndef JSON_CHECK_H
#define JSON_CHECK_H

#include "base/str.h"

#define JSON_DEPTH_DEFAULT 256
#define JSON_DEPTH_MAX 65536

/* What is wrong and where. `code` is a static string, one of: not_json,
 * not_object, invalid_utf8, nul_byte, too_deep. */
struct json_fault {
    const char *code;
    const char *why; /* static: what was expected */
    size_t offset;   /* 0-based byte of the text */
};

/* Checks that text is one JSON object, with white space around it at will, and
 * no container deeper than max_depth (1 for a flat object; at most
 * JSON_DEPTH_MAX). Returns 0, or -1 with fault filled. One pass. */
int json_check_object(struct str text, unsigned max_depth,
                      struct json_fault *fault);

/* The same for any JSON value. */
int json_check_value(struct str text, unsigned max_depth,
                     struct json_fault *fault);

/* True if s is a JSON number, exactly. */
bool json_number_valid(struct str s);

#endif
