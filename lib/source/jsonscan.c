#include "source/jsonscan.h"

void jsonscan_start(struct jsonscan *s)
{
    s->state = JSONSCAN_START;
    s->depth = 0;
    s->newlines = 0;
    s->broken_lines = false;
}

bool jsonscan_is_word(const struct jsonscan *s)
{
    return s->state == JSONSCAN_WORD;
}

static void open_bracket(struct jsonscan *s, bool array)
{
    uint64_t i = s->depth++;

    if (i >= JSONSCAN_DEPTH)
        return;
    uint8_t bit = (uint8_t)(1u << (i & 7));
    if (array)
        s->arrays[i / 8] |= bit;
    else
        s->arrays[i / 8] &= (uint8_t)~bit;
}

static bool close_bracket(struct jsonscan *s, bool array)
{
    if (s->depth == 0)
        return false;
    uint64_t i = --s->depth;
    return i >= JSONSCAN_DEPTH || (s->arrays[i / 8] >> (i & 7) & 1) == array;
}

/* A byte outside strings. True where the value goes on or ends with it. */
static bool take_structure(struct jsonscan *s, char c)
{
    switch (c) {
    case '"': s->state = JSONSCAN_STRING; return true;
    case '{':
    case '[': open_bracket(s, c == '['); break;
    case '}':
    case ']':
        if (!close_bracket(s, c == ']'))
            return false;
        break;
    case '\n':
        s->newlines++;
        s->broken_lines = true;
        break;
    case '\r': s->broken_lines = true; break;
    default: break;
    }
    s->state = JSONSCAN_INSIDE;
    return true;
}

/* The bytes of a string, up to its quote or the end of the block. */
static size_t take_string(struct jsonscan *s, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = p[i];
        if (s->state == JSONSCAN_ESCAPE) {
            s->state = JSONSCAN_STRING;
        } else if (c == '\\') {
            s->state = JSONSCAN_ESCAPE;
        } else if (c == '"') {
            s->state = JSONSCAN_INSIDE;
            return i + 1;
        }
        s->newlines += c == '\n';
    }
    return n;
}

static bool in_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z') || c == '-' || c == '+' || c == '.';
}

enum jsonscan_found jsonscan_run(struct jsonscan *s, const char *p, size_t n,
                                 size_t *used)
{
    size_t i = 0;

    if (n > 0 && s->state == JSONSCAN_START && in_word(p[0]))
        s->state = JSONSCAN_WORD;
    if (s->state == JSONSCAN_WORD) {
        while (i < n && in_word(p[i]))
            i++;
        *used = i;
        return i < n ? JSONSCAN_END : JSONSCAN_MORE;
    }
    while (i < n) {
        if (s->state == JSONSCAN_STRING || s->state == JSONSCAN_ESCAPE)
            i += take_string(s, p + i, n - i);
        else if (!take_structure(s, p[i++])) {
            *used = i - 1;
            return JSONSCAN_BROKEN;
        }
        if (s->state == JSONSCAN_INSIDE && s->depth == 0) {
            *used = i;
            return JSONSCAN_END;
        }
    }
    *used = n;
    return JSONSCAN_MORE;
}
