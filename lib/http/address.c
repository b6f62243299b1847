#include "http/address.h"

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

static bool private_v4(const uint8_t *a)
{
    static const struct {
        uint32_t net;
        unsigned bits;
    } nets[] = {
        { 0x00000000, 8 },  /* this network */
        { 0x0a000000, 8 },  /* private */
        { 0x64400000, 10 }, /* shared, of carriers */
        { 0x7f000000, 8 },  /* loopback */
        { 0xa9fe0000, 16 }, /* link-local */
        { 0xac100000, 12 }, /* private */
        { 0xc0000000, 24 }, /* protocol assignments */
        { 0xc0a80000, 16 }, /* private */
        { 0xc6120000, 15 }, /* benchmarks */
        { 0xe0000000, 4 },  /* multicast */
        { 0xf0000000, 4 },  /* reserved, broadcast */
    };
    uint32_t ip = (uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 |
                  (uint32_t)a[2] << 8 | a[3];
    for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++)
        if ((ip ^ nets[i].net) >> (32 - nets[i].bits) == 0)
            return true;
    return false;
}

static bool private_v6(const uint8_t *a)
{
    static const uint8_t zeros[12];
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
    if (memcmp(a, mapped, 12) == 0 || memcmp(a, nat64, 12) == 0)
        return private_v4(a + 12);
    if (a[0] == 0x20 && a[1] == 0x02) /* 6to4 */
        return private_v4(a + 2);
    /* Of what is not 2000::/3 nothing is public: ::1, fe80::/10, fc00::/7,
     * ff00::/8 and all that nobody has assigned. */
    return memcmp(a, zeros, 12) == 0 || (a[0] & 0xe0) != 0x20;
}

bool address_is_private(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, a, sizeof(in));
        return private_v4((const uint8_t *)&in.sin_addr);
    }
    if (a->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, a, sizeof(in6));
        return private_v6(in6.sin6_addr.s6_addr);
    }
    return true;
}
