#include "s3/xml.h"

void xml_init(struct xml *x, struct str text)
{
    *x = (struct xml){ .rest = text };
}

void xml_free(struct xml *x)
{
    buf_free(&x->text);
}

static int broken(struct err *e, const char *what)
{
    return err_set(e, ERR_DATA, "the answer is no XML: %s", what);
}

static void skip(struct xml *x, size_t n)
{
    x->rest.p += n;
    x->rest.n -= n;
}

static bool begins(const struct xml *x, struct str s)
{
    return x->rest.n >= s.n && memcmp(x->rest.p, s.p, s.n) == 0;
}

/* Passes what stands up to end, and end; *inside is what stood before it. */
static bool pass(struct xml *x, struct str end, struct str *inside)
{
    const char *at = x->rest.n ? memmem(x->rest.p, x->rest.n, end.p, end.n) : 0;
    if (!at)
        return false;
    *inside = (struct str){ x->rest.p, (size_t)(at - x->rest.p) };
    skip(x, inside->n + end.n);
    return true;
}

/* ---- text */

static bool is_char(uint32_t c)
{
    return c == 9 || c == 10 || c == 13 || (c >= 0x20 && c < 0xd800) ||
           (c >= 0xe000 && c <= 0x10ffff && (c & 0xfffe) != 0xfffe);
}

static void add_utf8(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_addc(out, (char)c);
        return;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned char first[] = { 0, 0xc0, 0xe0, 0xf0 };
    buf_addc(out, (char)(first[more] | c >> (6 * more)));
    while (more--)
        buf_addc(out, (char)(0x80 | ((c >> (6 * more)) & 0x3f)));
}

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : 99;
}

/* "#233" or "#xE9" */
static bool add_number(struct buf *out, struct str s)
{
    int base = s.n > 1 && s.p[1] == 'x' ? 16 : 10;
    size_t i = base == 16 ? 2 : 1;
    uint32_t c = 0;
    if (i == s.n)
        return false;
    for (; i < s.n; i++) {
        int d = digit(s.p[i]);
        c = c * (uint32_t)base + (uint32_t)d;
        if (d >= base || c > 0x10ffff)
            return false;
    }
    if (!is_char(c))
        return false;
    add_utf8(out, c);
    return true;
}

static bool add_reference(struct buf *out, struct str s)
{
    static const struct {
        const char *name;
        char c;
    } known[] = { { "amp", '&' },
                  { "lt", '<' },
                  { "gt", '>' },
                  { "quot", '"' },
                  { "apos", '\'' } };
    if (s.n && s.p[0] == '#')
        return add_number(out, s);
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (str_eq(s, str_of(known[i].name))) {
            buf_addc(out, known[i].c);
            return true;
        }
    return false;
}

static int take_text(struct xml *x, struct err *e)
{
    while (x->rest.n && x->rest.p[0] != '<') {
        if (x->rest.p[0] == '&') {
            struct str name;
            skip(x, 1);
            if (!pass(x, STR(";"), &name) || !add_reference(&x->text, name))
                return broken(e, "an unknown entity");
            continue;
        }
        size_t n = 0;
        while (n < x->rest.n && x->rest.p[n] != '<' && x->rest.p[n] != '&')
            n++;
        buf_add(&x->text, x->rest.p, n);
        skip(x, n);
    }
    return x->text.failed ? err_nomem(e) : 0;
}

/* ---- tags */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t name_length(struct str s)
{
    size_t n = 0;
    while (n < s.n && !is_space(s.p[n]) && !strchr("<>/='\"&", s.p[n]))
        n++;
    return n;
}

/* Without its prefix. */
static struct str local(struct str name)
{
    const char *colon = name.n ? memrchr(name.p, ':', name.n) : NULL;
    if (colon) {
        name.n -= (size_t)(colon + 1 - name.p);
        name.p = colon + 1;
    }
    return name;
}

/* Attributes up to the end of the tag: quotes may hide a '>'. */
static int pass_attributes(struct xml *x, struct err *e)
{
    char quote = 0;
    for (size_t i = 0; i < x->rest.n; i++) {
        char c = x->rest.p[i];
        if (quote) {
            quote = c == quote ? 0 : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '<') {
            break;
        } else if (c == '>') {
            x->empty = i && x->rest.p[i - 1] == '/';
            skip(x, i + 1);
            return 0;
        }
    }
    return broken(e, "a tag has no end");
}

static int take_open(struct xml *x, struct err *e)
{
    size_t n = name_length(x->rest);
    if (n == 0)
        return broken(e, "a tag has no name");
    if (x->depth == XML_DEPTH_MAX)
        return broken(e, "elements nest too deep");
    if (x->depth == 0 && x->seen)
        return broken(e, "something stands behind its end");
    x->open[x->depth++] = (struct str){ x->rest.p, n };
    x->seen = true;
    skip(x, n);
    return pass_attributes(x, e);
}

static int take_close(struct xml *x, struct err *e)
{
    struct str name;
    if (!pass(x, STR(">"), &name))
        return broken(e, "a tag has no end");
    while (name.n && is_space(name.p[name.n - 1]))
        name.n--;
    return x->depth && str_eq(name, x->open[x->depth - 1])
               ? 0
               : broken(e, "an end without a beginning");
}

static int give(struct xml *x, struct xml_node *node, enum xml_event event)
{
    *node = (struct xml_node){ .event = event,
                               .name = local(x->open[x->depth - 1]),
                               .text = buf_str(&x->text) };
    if (x->depth > 1)
        node->parent = local(x->open[x->depth - 2]);
    if (event == XML_CLOSE)
        x->depth--;
    else
        node->text = STR("");
    return 1;
}

/* <!-- -->, <? ?>, <![CDATA[ ]]>: 1 passed, 0 it is another, -1. */
static int pass_other(struct xml *x, struct err *e)
{
    static const char *const pairs[][2] = { { "<!--", "-->" },
                                            { "<?", "?>" },
                                            { "<![CDATA[", "]]>" } };
    struct str inside;
    for (size_t i = 0; i < 3; i++) {
        if (!begins(x, str_of(pairs[i][0])))
            continue;
        skip(x, strlen(pairs[i][0]));
        if (!pass(x, str_of(pairs[i][1]), &inside))
            return broken(e, "it ends early");
        if (i == 2 && x->depth == 0)
            return broken(e, "text stands outside of it");
        if (i == 2 && buf_add_str(&x->text, inside))
            return err_nomem(e);
        return 1;
    }
    return begins(x, STR("<!")) ? broken(e, "it has a document type") : 0;
}

/* Between elements there may only be space. */
static bool only_space(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_space(s.p[i]))
            return false;
    return true;
}

int xml_next(struct xml *x, struct xml_node *node, struct err *e)
{
    buf_reset(&x->text);
    if (x->empty) {
        x->empty = false;
        return give(x, node, XML_CLOSE);
    }
    for (;;) {
        if (take_text(x, e))
            return -1;
        if (x->depth == 0 && !only_space(buf_str(&x->text)))
            return broken(e, "text stands outside of it");
        if (x->rest.n == 0)
            return x->depth || !x->seen ? broken(e, "it ends early") : 0;
        int other = pass_other(x, e);
        if (other < 0)
            return -1;
        if (other)
            continue;
        if (begins(x, STR("</"))) {
            skip(x, 2);
            return take_close(x, e) ? -1 : give(x, node, XML_CLOSE);
        }
        skip(x, 1);
        return take_open(x, e) ? -1 : give(x, node, XML_OPEN);
    }
}
