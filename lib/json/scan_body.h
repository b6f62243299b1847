/* scan_body: the loop that every kernel shares. Included once by each kernel's
 * source with these defined:
 *   KERNEL, SCAN_NAME(x): names of the kernel and of what is local to it
 *   CLASSIFY(p, m): fills m; may leave the masks that `rare` sums up to
 *   CLASSIFY_RARE(p, m)
 *   PREFIX_XOR(x)
 *   EMIT(tok, pos, p, base, tokens, number)
 * and, if it has a quicker way than odd_pairs below, ODD_PAIRS. */

#ifndef JSON_SCAN_BODY_H
#define JSON_SCAN_BODY_H

#ifndef KERNEL
#error "included by the kernels only, once by each"
#endif

/* In a branch that is hardly ever taken: keeps the compiler from turning it
 * into conditional moves, by which every step would wait for the one before. */
#define NOT_BY_MOVES __asm__ volatile("")

#define ALWAYS_INLINE inline __attribute__((always_inline))

/* What one step found out. */
struct SCAN_NAME(found) {
    uint64_t tokens, newline, number;
    uint64_t escapes, high, fault, odd; /* for the line's flags */
    uint32_t taken;                     /* bytes */
};

/* Notes the ends of the lines of one step with their flags; returns the flags
 * of the line that stays open. */
static __attribute__((noinline)) unsigned
SCAN_NAME(mark_lines)(struct SCAN_NAME(found) f, struct scan_end *ends,
                      uint32_t token, unsigned flags)
{
    uint64_t rest = ~(uint64_t)0;
    for (uint64_t newline = f.newline; newline; newline &= newline - 1) {
        uint64_t upto = newline ^ (newline - 1), below = upto & rest;
        flags |= (f.escapes & below ? SCAN_ESCAPES : 0u) |
                 (f.high & below ? SCAN_NON_ASCII : 0u) |
                 (f.fault & below ? SCAN_FAULT : 0u) |
                 (f.odd & below ? SCAN_NUMBERS : 0u);
        uint32_t before =
            (uint32_t)__builtin_popcountll(f.tokens & (upto >> 1));
        *ends++ = (struct scan_end){ token + before, flags };
        flags = 0;
        rest = ~upto;
    }
    return flags | (f.escapes & rest ? SCAN_ESCAPES : 0u) |
           (f.high & rest ? SCAN_NON_ASCII : 0u) |
           (f.fault & rest ? SCAN_FAULT : 0u) |
           (f.odd & rest ? SCAN_NUMBERS : 0u);
}

#ifndef ODD_PAIRS
#define ODD_PAIRS(p, back, m, bare, start, c, last) \
    ((void)(back), SCAN_NAME(odd_pairs)(m, bare, start, c, last))

/* Bits of numbers that are not plain, at or right behind what is odd: without
 * digits on both sides of a point, a minus that is not in front of a digit at
 * the start, a zero in front of more digits, other characters. Words without
 * digits, points and minuses are none of its business, second points are not
 * seen. */
static ALWAYS_INLINE uint64_t SCAN_NAME(odd_pairs)(const struct scan_masks *m,
                                                   uint64_t bare,
                                                   uint64_t start,
                                                   struct scan_carry *c,
                                                   uint32_t last)
{
    uint64_t digit = m->digit & bare, point = m->point & bare;
    uint64_t minus = m->minus & bare;
    uint64_t other = bare & ~(digit | point | minus);
    uint64_t after_minus = minus << 1 | c->minus;
    uint64_t after_other = other << 1 | c->other;
    uint64_t zero = m->zero & digit & (start | after_minus);
    uint64_t odd = (point & ~(digit << 1 | c->digit)) | (minus & ~start) |
                   (((point << 1 | c->point) | after_minus) & ~digit) |
                   (other & ~start & ~after_other) | (digit & after_other) |
                   (digit & (zero << 1 | c->zero));
    c->digit = digit >> last & 1;
    c->point = point >> last & 1;
    c->minus = minus >> last & 1;
    c->other = other >> last & 1;
    c->zero = zero >> last & 1;
    return odd;
}
#endif

/* The second points of numbers: a carry runs from behind each point through
 * what is no point to the end of the number, or the next point. */
static ALWAYS_INLINE uint64_t SCAN_NAME(second_points)(uint64_t point,
                                                       uint64_t bare,
                                                       struct scan_carry *c,
                                                       uint32_t taken)
{
    unsigned long long sum, over;
    over =
        __builtin_add_overflow(point << 1 | c->fraction, bare & ~point, &sum);
    c->fraction = taken == 64 ? over | point >> 63 : sum >> taken & 1;
    return sum & point;
}

/* Scans up to 64 bytes at p, in front of which stand `back`, two at most, of
 * the block. A line feed in a string ends it unfinished, and behind it
 * everything begins anew: there fewer bytes are taken than offered; and none,
 * with nothing changed and false returned, where all 64 are wanted. */
static ALWAYS_INLINE bool SCAN_NAME(step)(struct scan_carry *c, uint32_t back,
                                          const uint8_t *p, uint32_t rem,
                                          bool all, struct SCAN_NAME(found) * f)
{
    static const uint64_t odd_bits = 0xaaaaaaaaaaaaaaaau;
    struct scan_masks m;
    CLASSIFY(p, &m);
    uint64_t valid = ~(uint64_t)0;
    if (__builtin_expect(rem < 64, 0)) {
        valid = ((uint64_t)1 << rem) - 1;
        m.quote &= valid;
        m.structural &= valid;
        m.newline &= valid;
    }
    uint64_t backslash = 0, control = 0, high = 0;
    uint64_t escape = 0, escaped = c->escaped;
    if (m.rare) {
        NOT_BY_MOVES;
        CLASSIFY_RARE(p, &m);
        control = m.control & valid;
        high = m.high & valid;
        backslash = m.backslash & valid;
        if (backslash) {
            uint64_t potential = backslash & ~c->escaped;
            uint64_t codes =
                ((potential << 1 | odd_bits) - potential) ^ odd_bits;
            escaped = codes ^ (backslash | c->escaped);
            escape = codes & backslash;
        }
    }
    uint64_t quote = m.quote & ~escaped;
    uint64_t in_string = PREFIX_XOR(quote) ^ c->in_string;
    uint64_t fault = control & in_string, cut = m.newline & in_string;
    if (__builtin_expect(cut != 0, 0)) {
        /* Cut behind the first line feed that is inside a string. */
        if (all)
            return false;
        uint64_t keep = cut ^ (cut - 1);
        rem = (uint32_t)__builtin_ctzll(cut) + 1;
        valid = keep;
        m.newline &= keep;
        backslash &= keep;
        high &= keep;
        fault = (fault | cut) & keep;
        quote &= keep;
        in_string = (in_string & keep) ^ (cut & (0 - cut));
        m.structural &= keep;
    }
    uint64_t bare = ~(m.edge | in_string) & valid;
    uint64_t start = bare & ~(bare << 1 | c->bare);
    f->tokens = (m.structural & ~in_string) | (quote & in_string) | start;
    f->newline = m.newline;
    f->number = (m.digit | m.minus) & start;
    f->escapes = backslash;
    f->high = high;
    f->fault = fault;
    uint32_t last = rem - 1;
    f->odd = (ODD_PAIRS(p, back, &m, bare, start, c, last) |
              SCAN_NAME(second_points)(m.point & bare, bare, c, rem) |
              (high & bare)) &
             valid;
    f->taken = rem;
    c->in_string = 0 - (in_string >> last & 1);
    c->bare = bare >> last & 1;
    c->escaped = escape >> last & 1;
    return true;
}

/* Out of line and by value: what is inlined stays in registers. */
struct SCAN_NAME(partial) {
    struct scan_carry carry;
    struct SCAN_NAME(found) found;
};

static __attribute__((noinline)) struct SCAN_NAME(partial)
    SCAN_NAME(step_partial)(struct scan_carry carry, uint32_t back,
                            const uint8_t *p, uint32_t rem)
{
    struct SCAN_NAME(partial) r = { .carry = carry };
    SCAN_NAME(step)(&r.carry, back, p, rem, false, &r.found);
    return r;
}

void KERNEL(struct scan *s, const uint8_t *block, uint32_t n, uint32_t goal)
{
    struct scan_carry carry = s->carry; /* in registers, most of them */
    uint8_t *tok = s->tok;
    uint32_t *pos = s->pos, at = s->at;
    struct scan_end *ends = s->ends;
    size_t count = s->n, lines = s->n_ends, room = s->cap;
    unsigned flags = s->flags;
    while (at < n && !(lines && at >= goal) && room - count >= 128) {
        const uint8_t *p = block + at;
        uint32_t back = at < 2 ? at : 2;
        struct SCAN_NAME(found) f;
        if (__builtin_expect(
                n - at < 64 || !SCAN_NAME(step)(&carry, back, p, 64, true, &f),
                0)) {
            struct SCAN_NAME(partial) r = SCAN_NAME(step_partial)(
                carry, back, p, n - at < 64 ? n - at : 64);
            carry = r.carry;
            f = r.found;
        }
        EMIT(tok + count, pos + count, p, at, f.tokens, f.number);
        uint64_t newline = f.newline;
        if (__builtin_expect(
                (f.escapes | f.high | f.fault | f.odd | flags) != 0, 0)) {
            flags =
                SCAN_NAME(mark_lines)(f, ends + lines, (uint32_t)count, flags);
            lines += (size_t)__builtin_popcountll(newline);
        } else {
            /* Written whether there is a line's end or not: a branch would be
             * guessed wrong at every line. */
            do {
                uint64_t below = newline ^ (newline - 1);
                uint32_t behind =
                    (uint32_t)__builtin_popcountll(f.tokens & below);
                ends[lines] =
                    (struct scan_end){ (uint32_t)count + behind - 1, 0 };
                lines += newline != 0;
                newline &= newline - 1;
            } while (__builtin_expect(newline != 0, 0));
        }
        count += (size_t)__builtin_popcountll(f.tokens);
        at += f.taken;
    }
    s->carry = carry;
    s->at = at;
    s->n = count;
    s->n_ends = lines;
    s->flags = flags;
}

#endif
