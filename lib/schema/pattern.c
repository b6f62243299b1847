#include "schema/pattern.h"

#include "json/utf8.h"
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
    pcre2_match_data *data;
    pcre2_jit_stack *stack;
};

/* General categories (Unicode, PropertyValueAliases), which ECMA-262 takes by
 * their long names and PCRE2 by their short ones only. */
static const struct {
    const char *name, *code;
} categories[] = {
    { "Letter", "L" },
    { "Cased_Letter", "L&" },
    { "Uppercase_Letter", "Lu" },
    { "Lowercase_Letter", "Ll" },
    { "Titlecase_Letter", "Lt" },
    { "Modifier_Letter", "Lm" },
    { "Other_Letter", "Lo" },
    { "Mark", "M" },
    { "Nonspacing_Mark", "Mn" },
    { "Spacing_Mark", "Mc" },
    { "Enclosing_Mark", "Me" },
    { "Number", "N" },
    { "Decimal_Number", "Nd" },
    { "digit", "Nd" },
    { "Letter_Number", "Nl" },
    { "Other_Number", "No" },
    { "Punctuation", "P" },
    { "punct", "P" },
    { "Connector_Punctuation", "Pc" },
    { "Dash_Punctuation", "Pd" },
    { "Open_Punctuation", "Ps" },
    { "Close_Punctuation", "Pe" },
    { "Initial_Punctuation", "Pi" },
    { "Final_Punctuation", "Pf" },
    { "Other_Punctuation", "Po" },
    { "Symbol", "S" },
    { "Math_Symbol", "Sm" },
    { "Currency_Symbol", "Sc" },
    { "Modifier_Symbol", "Sk" },
    { "Other_Symbol", "So" },
    { "Separator", "Z" },
    { "Space_Separator", "Zs" },
    { "Line_Separator", "Zl" },
    { "Paragraph_Separator", "Zp" },
    { "Other", "C" },
    { "Control", "Cc" },
    { "Format", "Cf" },
    { "Surrogate", "Cs" },
    { "Private_Use", "Co" },
    { "Unassigned", "Cn" },
};

static const char *category_code(struct str name)
{
    static const char *const prefixes[] = { "General_Category=", "gc=" };
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
        struct str p = str_of(prefixes[i]);
        if (name.n > p.n && memcmp(name.p, p.p, p.n) == 0) {
            name.p += p.n;
            name.n -= p.n;
        }
    }
    for (size_t i = 0; i < sizeof(categories) / sizeof(*categories); i++)
        if (str_eq(name, str_of(categories[i].name)))
            return categories[i].code;
    return NULL;
}

/* Copies the pattern with \p{Letter} written as \p{L}. */
static int translate(struct buf *out, struct str t)
{
    for (size_t i = 0; i < t.n; i++) {
        if (t.p[i] != '\\' || i + 1 == t.n) {
            buf_addc(out, t.p[i]);
            continue;
        }
        char c = t.p[++i];
        buf_addc(out, '\\');
        buf_addc(out, c);
        if ((c != 'p' && c != 'P') || i + 1 == t.n || t.p[i + 1] != '{')
            continue;
        const char *name = t.p + i + 2;
        const char *close = memchr(name, '}', t.n - i - 2);
        const char *code = NULL;
        if (close)
            code = category_code((struct str){ name, (size_t)(close - name) });
        if (code) {
            buf_addf(out, "{%s}", code);
            i = (size_t)(close - t.p);
        }
    }
    return out->failed ? -1 : 0;
}

static pcre2_code *compile(struct str text, struct buf *why)
{
    const uint32_t options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_BSUX |
                             PCRE2_MATCH_UNSET_BACKREF |
                             PCRE2_ALLOW_EMPTY_CLASS | PCRE2_NEVER_BACKSLASH_C;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context)
        return NULL;
    pcre2_set_compile_extra_options(context, PCRE2_EXTRA_ALT_BSUX);
    pcre2_set_newline(context, PCRE2_NEWLINE_ANYCRLF);
    int code;
    size_t offset;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)text.p, text.n, options, &code,
                                   &offset, context);
    pcre2_compile_context_free(context);
    if (!re && code != PCRE2_ERROR_NOMEMORY) {
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
    if (!p || translate(&copy, text)) {
        buf_free(&copy);
        free(p);
        return NULL;
    }
    if (!utf8_valid(buf_str(&copy)))
        buf_addz(why, "lone surrogate");
    else
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
    pcre2_set_match_limit(r->context, PATTERN_MATCH_LIMIT);
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

int pattern_match(const struct pattern *p, struct pattern_run *r,
                  struct str text)
{
    int n = p->simple ? simple_match(p->simple, text) : -1;
    if (n >= 0)
        return n;
    if (!utf8_valid(text))
        return 0; /* PCRE2 is told below that it need not look */
    if (p->jit)
        n = pcre2_jit_match(p->code, (PCRE2_SPTR)text.p, text.n, 0,
                            PCRE2_NO_UTF_CHECK, r->data, r->context);
    else
        n = pcre2_match(p->code, (PCRE2_SPTR)text.p, text.n, 0,
                        PCRE2_NO_UTF_CHECK, r->data, r->context);
    if (n >= 0)
        return 1;
    return n == PCRE2_ERROR_NOMATCH ? 0 : -1;
}

bool pattern_is_simple(const struct pattern *p)
{
    return p->simple != NULL;
}
