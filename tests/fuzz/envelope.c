/* Lines of a dead letter queue: whatever they hold, they are read within their
 * bounds; and what is written as raw is read back as it was. */
#include "dlq/envelope.h"
#include "fuzz.h"
#include "json/check.h"
#include "json/utf8.h"

static void read_line(struct str line)
{
    struct envelope v;
    struct buf raw = { 0 };
    struct json_fault fault;
    if (envelope_parse(&v, line))
        return;
    MUST(json_check_object(line, JSON_DEPTH_MAX, &fault) == 0);
    if (v.attempt) {
        (void)envelope_raw(&raw, &v);
    } else {
        struct envelope_of of = envelope_of(&v);
        while (envelope_next_of(&of))
            ;
    }
    buf_free(&raw);
}

static void write_and_read(struct str bytes)
{
    struct dlq_error error = { "code", bytes, bytes, bytes };
    struct dlq_letter l = {
        .pipeline = bytes,
        .stage = STR("pipe-test"),
        .partition = bytes,
        .uri = bytes,
        .errors = &error,
        .n_errors = 1,
        .raw = bytes,
        .length = bytes.n,
    };
    struct envelope_facts f = { .id = envelope_id(&l, 1), .attempt = 1 };
    struct buf line = { 0 }, raw = { 0 };
    struct envelope v;
    MUST(envelope_write(&line, &l, &f) == 0);
    MUST(!memchr(line.p, '\n', line.n - 1) && utf8_valid(buf_str(&line)));
    MUST(envelope_parse(&v, (struct str){ line.p, line.n - 1 }) == 0);
    MUST(envelope_raw(&raw, &v) == 0 && str_eq(buf_str(&raw), bytes));
    buf_free(&line);
    buf_free(&raw);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = { (const char *)data, n };
    read_line(text);
    write_and_read(text);
    return 0;
}
