/* csvscan_body: the loop that every kernel shares. Included once by each
 * kernel's source with CLASSIFY(s, p, m), PREFIX_XOR(x), EMIT(s, base, ends)
 * and KERNEL defined. */
#ifndef SOURCE_CSVSCAN_BODY_H
#define SOURCE_CSVSCAN_BODY_H

#ifndef KERNEL
#error "included by the kernels only, once by each"
#endif

#define LAST 63 /* the bit that a step hands to the next one */

void KERNEL(struct csvscan *s, const uint8_t *p, uint32_t n)
{
    /* Of the byte before: is it in quotes, a cell's end, a closing quote, a CR
     * outside quotes? */
    uint64_t was_quoted = 0, was_end = 1, was_close = 0, was_cr = 0;
    uint64_t any_high = 0;
    const uint64_t lf = s->lf;

    s->n = 0;
    s->odd = false;
    s->whole = n;
    for (uint32_t at = 0; at < n; at += 64) {
        struct csvscan_masks m;
        CLASSIFY(s, p + at, &m);
        if (n - at < 64) {
            uint64_t valid = ((uint64_t)1 << (n - at)) - 1;
            m.quote &= valid;
            m.delimiter &= valid;
            m.lf &= valid;
            m.cr &= valid;
            m.nul &= valid;
            m.high &= valid;
            m.escape &= valid;
        }
        uint64_t quote = m.quote & s->quotes;
        uint64_t quoted = PREFIX_XOR(quote) ^ was_quoted;
        uint64_t open = quote & quoted, close = quote & ~quoted;
        uint64_t cr = m.cr & ~quoted;
        uint64_t ends = (m.delimiter | (m.lf & lf) | (m.cr & ~lf)) & ~quoted;
        uint64_t behind_end = ends << 1 | was_end;
        uint64_t behind_close = close << 1 | was_close;
        uint64_t behind_cr = cr << 1 | was_cr;

        uint64_t odd = m.nul | (open & ~(behind_end | behind_close)) |
                       (behind_close & ~(ends | quote | cr)) |
                       (behind_cr & ~m.lf & lf) | (m.lf & ~quoted & ~lf);
        if (n - at < 64) /* what is behind the chunk is not known */
            odd &= ((uint64_t)1 << (n - at)) - 1;
        s->special[at >> 6] =
            (m.escape & ~(ends | quote | cr)) | (open & behind_close);
        EMIT(s, at, ends);
        if (__builtin_expect(odd != 0, 0)) {
            s->odd = true;
            s->whole = at + (uint32_t)__builtin_ctzll(odd);
            /* With CR at its end a row is over only if no LF follows. */
            s->whole -= !lf && s->whole > 0;
            s->special[(at >> 6) + 1] = ~(uint64_t)0;
            s->high = true;
            return;
        }
        any_high |= m.high;
        was_quoted = 0 - (quoted >> LAST);
        was_end = ends >> LAST;
        was_close = close >> LAST;
        was_cr = cr >> LAST;
    }
    s->special[(n + 63) >> 6] = ~(uint64_t)0;
    s->high = any_high != 0;
    if (!lf && n > 0)
        s->whole = n - 1;
}

#endif
