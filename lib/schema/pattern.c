#include "schema/pattern.h"

#include "json/utf8.h"
#include "schema/ecma.h"
#include "schema/simple.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#define JIT_STACK_MAX ((size_t)1 << 20)

struct pattern {
    struct pattern *next;
    pcre2_code *code;
    struct simple *simple; /* says the same; NULL: too much for it */
    bool jit;
};

struct pattern_run {
    pcre2_match_context *context;
    size_t long_matches; /* that are left */
    pcre2_match_data *data;
    pcre2_jit_stack *stack;
};

static pcre2_code *compile(struct str text, struct buf *why)
{
    const uint32_t options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY |
                             PCRE2_MATCH_UNSET_BACKREF |
                             PCRE2_ALLOW_EMPTY_CLASS | PCRE2_NEVER_BACKSLASH_C;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context)
        return NULL;
    pcre2_set_newline(context, PCRE2_NEWLINE_ANYCRLF);
    int code;
    size_t offset;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)text.p, text.n, options, &code,
                                   &offset, context);
    pcre2_compile_context_free(context);
    if (!re && code != PCRE2_ERROR_HEAP_FAILED) {
        PCRE2_UCHAR message[160];
        pcre2_get_error_message(code, message, sizeof(message));
        buf_addf(why, "%s (at byte %zu)", (char *)message, offset);
    }
    return re;
}

struct pattern *pattern_new(struct str text, struct pattern *next,
                            struct buf *why)
{
    struct pattern *p = calloc(1, sizeof(*p));
    struct buf copy = { 0 };
    if (!p)
        return NULL;
    if (!utf8_valid(text))
        buf_addz(why, "lone surrogate");
    else if (ecma_translate(&copy, text, false, why) == 0)
        p->code = compile(buf_str(&copy), why);
    buf_free(&copy);
    if (!p->code) {
        free(p);
        return NULL;
    }
    /* Not every machine lets a process make code; the interpreter is slower
     * and says the same. */
    p->jit = pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE) == 0;
    p->simple = simple_new(text);
    p->next = next;
    return p;
}

void pattern_free(struct pattern *p)
{
    while (p) {
        struct pattern *next = p->next;
        pcre2_code_free(p->code);
        simple_free(p->simple);
        free(p);
        p = next;
    }
}

struct pattern_run *pattern_run_new(void)
{
    struct pattern_run *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->context = pcre2_match_context_create(NULL);
    r->data = pcre2_match_data_create(1, NULL);
    if (!r->context || !r->data) {
        pattern_run_free(r);
        return NULL;
    }
    r->long_matches = SIZE_MAX;
    pcre2_set_depth_limit(r->context, PATTERN_DEPTH_LIMIT);
    pcre2_set_heap_limit(r->context, PATTERN_HEAP_KIB);
    /* Without a stack of its own (no memory, no JIT) 32 KiB must do. */
    r->stack = pcre2_jit_stack_create(32768, JIT_STACK_MAX, NULL);
    if (r->stack)
        pcre2_jit_stack_assign(r->context, NULL, r->stack);
    return r;
}

void pattern_run_free(struct pattern_run *r)
{
    if (!r)
        return;
    pcre2_jit_stack_free(r->stack);
    pcre2_match_data_free(r->data);
    pcre2_match_context_free(r->context);
    free(r);
}

void pattern_run_allow(struct pattern_run *r, size_t long_matches)
{
    r->long_matches = long_matches;
}

/* What PCRE2 says, within so many steps. */
static int match(const struct pattern *p, struct pattern_run *r,
                 struct str text, uint32_t steps)
{
    pcre2_set_match_limit(r->context, steps);
    if (p->jit)
        return pcre2_jit_match(p->code, (PCRE2_SPTR)text.p, text.n, 0,
                               PCRE2_NO_UTF_CHECK, r->data, r->context);
    return pcre2_match(p->code, (PCRE2_SPTR)text.p, text.n, 0,
                       PCRE2_NO_UTF_CHECK, r->data, r->context);
}

int pattern_match(const struct pattern *p, struct pattern_run *r,
                  struct str text)
{
    int n = p->simple ? simple_match(p->simple, text) : -1;
    if (n >= 0)
        return n;
    if (!utf8_valid(text))
        return 0; /* PCRE2 is told above that it need not look */
    n = match(p, r, text, PATTERN_LONG_MATCH);
    if (n == PCRE2_ERROR_MATCHLIMIT && r->long_matches) {
        r->long_matches--;
        n = match(p, r, text, PATTERN_MATCH_LIMIT);
    }
    if (n >= 0)
        return 1;
    return n == PCRE2_ERROR_NOMATCH ? 0 : -1;
}

bool pattern_is_simple(const struct pattern *p)
{
    return p->simple != NULL;
}

/* Properties are known to PCRE2 only; what it has not got of the language, it
 * need not have for this. */
static bool properties_known(struct str translated)
{
    struct buf one = { 0 }, why = { 0 };
    const char *p = translated.p, *end = p + translated.n;
    bool ok = true;
    for (; ok && p + 2 < end; p += p[0] == '\\' ? 2 : 1) {
        const char *close = memchr(p, '}', (size_t)(end - p));
        if (p[0] != '\\' || (p[1] | 0x20) != 'p' || !close)
            continue;
        buf_reset(&one);
        buf_add(&one, p, (size_t)(close + 1 - p));
        pcre2_code *code = compile(buf_str(&one), &why);
        ok = code != NULL;
        pcre2_code_free(code);
    }
    buf_free(&one);
    buf_free(&why);
    return ok;
}

bool pattern_is_ecma(struct str text)
{
    struct buf out = { 0 }, why = { 0 };
    bool ok = utf8_valid(text) && ecma_translate(&out, text, true, &why) == 0 &&
              properties_known(buf_str(&out));
    buf_free(&out);
    buf_free(&why);
    return ok;
}
