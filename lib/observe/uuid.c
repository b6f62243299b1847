#include "observe/uuid.h"

#include "base/hash.h"

#include <ctype.h>
#include <endian.h>

void uuid_of(const struct str *parts, size_t n, char out[UUID_CHARS + 1])
{
    XXH3_state_t state;
    char hex[33];
    XXH3_INITSTATE(&state);
    (void)XXH3_128bits_reset(&state);
    for (size_t i = 0; i < n; i++) {
        uint64_t length = htole64(parts[i].n);
        (void)XXH3_128bits_update(&state, &length, sizeof(length));
        (void)XXH3_128bits_update(&state, parts[i].p, parts[i].n);
    }
    XXH128_hash_t h = XXH3_128bits_digest(&state);
    hash128_hex((struct hash128){ h.low64, h.high64 }, hex);
    hex[12] = '8';                         /* version */
    hex[16] = "89ab"[(h.low64 >> 60) & 3]; /* variant */
    for (size_t i = 0, k = 0; k < 32; k++) {
        if (k == 8 || k == 12 || k == 16 || k == 20)
            out[i++] = '-';
        out[i++] = hex[k];
    }
    out[UUID_CHARS] = '\0';
}

bool uuid_parse(struct str s, char out[UUID_CHARS + 1])
{
    if (s.n != UUID_CHARS)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s.p[i] != '-' : !isxdigit((unsigned char)s.p[i]))
            return false;
        out[i] = (char)tolower((unsigned char)s.p[i]);
    }
    out[s.n] = '\0';
    return true;
}
