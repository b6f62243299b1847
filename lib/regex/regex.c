#include "regex/regex.h"

#include "base/hash.h"
#include "json/utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

#define STEPS_MAX 1000000           /* of a search */
#define HEAP_KIB 16384              /* for what a search has to remember */
#define DEPTH_MAX 10000             /* of its nesting, without JIT */
#define JIT_STACK ((size_t)1 << 20) /* bytes */
#define PATTERN_MAX 65536           /* bytes */
#define BUCKETS 32                  /* of two patterns out of records each */
#define JIT_USES 16                 /* from which compiling to code pays */

struct regex {
    pcre2_code *code; /* owned */
    struct str text;  /* borrowed if pinned, else owned */
    struct regex *next;
    unsigned flags, groups, uses;
    bool pinned, jit;
};

struct regex_set {
    struct regex *pinned;
    struct regex *bucket[BUCKETS][2]; /* the one used last stands first */
    pcre2_match_context *context;
    pcre2_match_data *data;
    pcre2_jit_stack *stack;
};

/* ---- patterns */

static void regex_free(struct regex *re)
{
    if (!re)
        return;
    pcre2_code_free(re->code);
    if (!re->pinned)
        free((char *)re->text.p);
    free(re);
}

static int wrong(struct regex_why *why, size_t at, const char *text)
{
    snprintf(why->text, sizeof(why->text), "%s", text);
    why->at = at;
    return -1;
}

static int compile(struct regex *re, struct str text, struct regex_why *why)
{
    const uint32_t options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY |
                             PCRE2_NEVER_BACKSLASH_C |
                             (re->flags & REGEX_NOCASE ? PCRE2_CASELESS : 0) |
                             (re->flags & REGEX_LINES ? PCRE2_MULTILINE : 0) |
                             (re->flags & REGEX_NEWLINE ? PCRE2_DOTALL : 0);
    int code;
    size_t at;
    if (text.n > PATTERN_MAX)
        return wrong(why, 0, "longer than 65536 bytes");
    if (!utf8_valid(text))
        return wrong(why, 0, "lone surrogate");
    re->code =
        pcre2_compile((PCRE2_SPTR)text.p, text.n, options, &code, &at, NULL);
    if (!re->code && code == PCRE2_ERROR_HEAP_FAILED)
        return -2;
    if (!re->code) {
        PCRE2_UCHAR message[120];
        pcre2_get_error_message(code, message, sizeof(message));
        return wrong(why, at < text.n ? at : text.n, (const char *)message);
    }
    pcre2_pattern_info(re->code, PCRE2_INFO_CAPTURECOUNT, &re->groups);
    if (re->groups > REGEX_GROUPS_MAX)
        return wrong(why, 0, "more than 99 groups");
    return 0;
}

static int regex_new(struct str text, unsigned flags, bool pinned,
                     struct regex **out, struct regex_why *why)
{
    struct regex *re = calloc(1, sizeof(*re));
    if (!re)
        return -2;
    re->flags = flags;
    re->pinned = pinned;
    re->text = text;
    if (!pinned) {
        char *copy = malloc(text.n + 1);
        if (copy)
            memcpy(copy, text.p, text.n);
        re->text.p = copy;
    }
    int rc = re->text.p ? compile(re, text, why) : -2;
    if (rc) {
        regex_free(re);
        return rc;
    }
    *out = re;
    return 0;
}

/* Where the machine or the pattern lets no one make code the interpreter says
 * the same. */
static void make_fast(struct regex *re)
{
    size_t bytes = 0;
    if (pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE) == 0)
        pcre2_pattern_info(re->code, PCRE2_INFO_JITSIZE, &bytes);
    re->jit = bytes > 0;
}

/* ---- the set */

struct regex_set *regex_set_new(void)
{
    struct regex_set *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->context = pcre2_match_context_create(NULL);
    s->data = pcre2_match_data_create(REGEX_GROUPS_MAX + 1, NULL);
    if (!s->context || !s->data) {
        regex_set_free(s);
        return NULL;
    }
    pcre2_set_match_limit(s->context, STEPS_MAX);
    pcre2_set_depth_limit(s->context, DEPTH_MAX);
    pcre2_set_heap_limit(s->context, HEAP_KIB);
    /* Without one (no memory, no JIT) the machine's 32 KiB must do. */
    s->stack = pcre2_jit_stack_create(32768, JIT_STACK, NULL);
    if (s->stack)
        pcre2_jit_stack_assign(s->context, NULL, s->stack);
    return s;
}

void regex_set_free(struct regex_set *s)
{
    if (!s)
        return;
    while (s->pinned) {
        struct regex *next = s->pinned->next;
        regex_free(s->pinned);
        s->pinned = next;
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        regex_free(s->bucket[i][0]);
        regex_free(s->bucket[i][1]);
    }
    pcre2_jit_stack_free(s->stack);
    pcre2_match_data_free(s->data);
    pcre2_match_context_free(s->context);
    free(s);
}

int regex_pin(struct regex_set *s, struct str pattern, unsigned flags,
              struct regex_why *why)
{
    struct regex *re;
    int rc = regex_new(pattern, flags, true, &re, why);
    if (rc)
        return rc;
    make_fast(re);
    re->next = s->pinned;
    s->pinned = re;
    return 0;
}

/* A pinned pattern is known by its address, which no other can have while the
 * set lives. */
static const struct regex *find_pinned(const struct regex_set *s,
                                       struct str pattern, unsigned flags,
                                       bool *known)
{
    *known = false;
    for (const struct regex *re = s->pinned; re; re = re->next) {
        if (re->text.p != pattern.p || re->text.n != pattern.n)
            continue;
        *known = true;
        if (re->flags == flags)
            return re;
    }
    return NULL;
}

static int get_cached(struct regex_set *s, struct str pattern, unsigned flags,
                      struct regex **re, struct regex_why *why)
{
    struct regex **b = s->bucket[(hash64(pattern) + flags) % BUCKETS];
    int at = 0;
    while (at < 2 &&
           !(b[at] && b[at]->flags == flags && str_eq(b[at]->text, pattern)))
        at++;
    if (at == 2) {
        int rc = regex_new(pattern, flags, false, re, why);
        if (rc)
            return rc;
        regex_free(b[1]);
        b[1] = *re;
        at = 1;
    }
    *re = b[at];
    b[at] = b[0];
    b[0] = *re;
    if ((*re)->uses < JIT_USES && ++(*re)->uses == JIT_USES)
        make_fast(*re);
    return 0;
}

int regex_get(struct regex_set *s, struct str pattern, unsigned flags,
              const struct regex **re, struct regex_why *why)
{
    bool known;
    *re = find_pinned(s, pattern, flags, &known);
    if (*re)
        return 0;
    if (known) { /* in an expression, with flags out of a record */
        int rc = regex_pin(s, pattern, flags, why);
        *re = s->pinned;
        return rc;
    }
    struct regex *found;
    int rc = get_cached(s, pattern, flags, &found, why);
    *re = rc ? NULL : found;
    return rc;
}

int regex_search(struct regex_set *s, const struct regex *re, struct str text,
                 size_t from, const size_t **group, struct regex_why *why)
{
    PCRE2_SPTR p = (PCRE2_SPTR)text.p;
    int n = re->jit ? pcre2_jit_match(re->code, p, text.n, from,
                                      PCRE2_NO_UTF_CHECK, s->data, s->context)
                    : pcre2_match(re->code, p, text.n, from, PCRE2_NO_UTF_CHECK,
                                  s->data, s->context);
    if (n == PCRE2_ERROR_NOMATCH)
        return 0;
    if (n == PCRE2_ERROR_NOMEMORY)
        return -2;
    if (n < 0) {
        PCRE2_UCHAR message[120];
        pcre2_get_error_message(n, message, sizeof(message));
        return wrong(why, 0, (const char *)message);
    }
    size_t *v = pcre2_get_ovector_pointer(s->data);
    for (size_t i = (size_t)n; i <= re->groups; i++)
        v[2 * i] = v[2 * i + 1] = SIZE_MAX;
    *group = v;
    return 1;
}

unsigned regex_groups(const struct regex *re)
{
    return re->groups;
}

struct str regex_name(const struct regex *re, unsigned i)
{
    uint32_t n = 0, size = 0;
    PCRE2_SPTR table = NULL;

    pcre2_pattern_info(re->code, PCRE2_INFO_NAMECOUNT, &n);
    pcre2_pattern_info(re->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
    pcre2_pattern_info(re->code, PCRE2_INFO_NAMETABLE, &table);
    for (; n > 0; n--, table += size)
        if ((unsigned)(table[0] << 8 | table[1]) == i)
            return str_of((const char *)table + 2);
    return STR("");
}
