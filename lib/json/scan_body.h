/* scan_body: the loop that every kernel shares. Included once by each kernel's
 * source with CLASSIFY(p, m), PREFIX_XOR(x), EMIT(s, p, base, tokens, number)
 * and KERNEL(name) defined. */

#ifndef JSON_SCAN_BODY_H
#define JSON_SCAN_BODY_H

#ifndef KERNEL
#error "included by the kernels only, once by each"
#endif

/* Gives the flags of one step to the lines that it touches. */
static void SCAN_NAME(mark_lines)(struct scan *s, uint32_t base,
                                  uint64_t newline, uint64_t escapes,
                                  uint64_t high, uint64_t fault)
{
    while (newline) {
        uint64_t below = newline ^ (newline - 1); /* up to the line feed */
        uint32_t end = base + (uint32_t)__builtin_ctzll(newline);
        s->flags |= (escapes & below ? SCAN_ESCAPES : 0u) |
                    (high & below ? SCAN_NON_ASCII : 0u) |
                    (fault & below ? SCAN_FAULT : 0u);
        if (s->flags)
            s->marked[s->n_marked++] = (struct scan_flag){ end, s->flags };
        s->flags = 0;
        escapes &= ~below;
        high &= ~below;
        fault &= ~below;
        newline &= newline - 1;
    }
    s->flags |= (escapes ? SCAN_ESCAPES : 0u) | (high ? SCAN_NON_ASCII : 0u) |
                (fault ? SCAN_FAULT : 0u);
}

/* Scans up to 64 bytes at s->at; returns the bytes taken: fewer than offered
 * where a line feed ends an unfinished string, for behind it everything begins
 * anew. */
static inline __attribute__((always_inline)) uint32_t
SCAN_NAME(step)(struct scan *s, const uint8_t *block, uint32_t rem,
                uint64_t *newlines)
{
    static const uint64_t odd = 0xaaaaaaaaaaaaaaaau;
    const uint8_t *p = block + s->at;
    struct scan_masks m;
    CLASSIFY(p, &m);
    uint64_t valid = rem < 64 ? ((uint64_t)1 << rem) - 1 : ~(uint64_t)0;
    if (rem < 64) {
        m.quote &= valid;
        m.backslash &= valid;
        m.control &= valid;
        m.structural &= valid;
        m.space |= ~valid;
        m.newline &= valid;
        m.high &= valid;
    }
    uint64_t escape = 0, escaped = s->escaped;
    if (m.backslash) {
        uint64_t backslash = m.backslash;
        uint64_t potential = backslash & ~s->escaped;
        uint64_t maybe = potential << 1;
        uint64_t codes = ((maybe | odd) - potential) ^ odd;
        escaped = codes ^ (backslash | s->escaped);
        escape = codes & backslash;
    }
    uint64_t quote = m.quote & ~escaped;
    uint64_t in_string = PREFIX_XOR(quote) ^ s->in_string;
    uint64_t fault = m.control & in_string;
    if (__builtin_expect((m.newline & in_string) != 0, 0)) {
        /* Cut behind the first line feed that is inside a string. */
        uint64_t cut = m.newline & in_string;
        uint64_t keep = cut ^ (cut - 1);
        rem = (uint32_t)__builtin_ctzll(cut) + 1;
        valid = keep;
        m.newline &= keep;
        m.backslash &= keep;
        m.high &= keep;
        fault &= keep;
        quote &= keep;
        in_string = (in_string & keep) ^ (cut & (0 - cut));
        m.structural &= keep;
        m.space |= ~keep;
    }
    uint64_t bare =
        ~(m.structural | m.space | m.newline | in_string | quote) & valid;
    uint64_t bare_start = bare & ~(bare << 1 | s->bare);
    uint64_t tokens = (m.structural & ~in_string) | (quote & in_string) |
                      bare_start | m.newline;
    EMIT(s, p, s->at, tokens, m.number & bare_start);
    if (m.newline | m.backslash | m.high | fault) {
        if (m.backslash | m.high | fault | (s->flags ? m.newline : 0))
            SCAN_NAME(mark_lines)
        (s, s->at, m.newline, m.backslash, m.high, fault);
    }
    *newlines = m.newline;
    uint32_t last = rem - 1;
    s->in_string = 0 - (in_string >> last & 1);
    s->bare = bare >> last & 1;
    s->escaped = escape >> last & 1;
    s->at += rem;
    return rem;
}

int KERNEL(struct scan *s, const uint8_t *block, uint32_t n, uint32_t goal)
{
    bool ended = false;
    while (s->at < n && !(ended && s->at >= goal)) {
        uint64_t newlines;
        if (s->cap - s->n < 128 || s->cap_marked - s->n_marked < 64)
            return 1; /* room is wanted */
        SCAN_NAME(step)(s, block, n - s->at < 64 ? n - s->at : 64, &newlines);
        ended |= newlines != 0;
    }
    return 0;
}

#endif
