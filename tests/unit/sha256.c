/* Vectors: FIPS 180-4 examples and NIST's CAVP for SHA-256; RFC 4231 for
 * HMAC. */
#include "unit.h"

#include "base/sha256.h"

#include <stdlib.h>

static const char *hash(struct str s)
{
    static char out[65];
    unsigned char digest[SHA256_BYTES];
    struct sha256 state;
    sha256_init(&state);
    sha256_add(&state, s);
    sha256_end(&state, digest);
    sha256_hex(digest, sizeof(digest), out);
    return out;
}

static const char *hmac(struct str key, struct str text)
{
    static char out[65];
    unsigned char digest[SHA256_BYTES];
    struct hmac_key k;
    hmac_key_init(&k, key);
    hmac_sha256(&k, text, digest);
    sha256_hex(digest, sizeof(digest), out);
    return out;
}

TEST("the standard's examples")
{
    CHECK_STR(
        hash(STR("")),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK_STR(
        hash(STR("abc")),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK_STR(
        hash(STR("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK_STR(
        hash(STR("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijk"
                 "lmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu")),
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
    CHECK_STR(
        hash(STR("\xbd")),
        "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b");
    char *a = malloc(1000000);
    memset(a, 'a', 1000000);
    CHECK_STR(
        hash((struct str){ a, 1000000 }),
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(a);
}

TEST("bytes in parts hash as in one, at each length around a block")
{
    char text[200], whole[65];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)(i * 7);
    for (size_t n = 0; n <= sizeof(text); n++) {
        strcpy(whole, hash((struct str){ text, n }));
        for (size_t cut = 0; cut <= n; cut += 13) {
            unsigned char digest[SHA256_BYTES];
            char parts[65] = "";
            struct sha256 s;
            sha256_init(&s);
            sha256_add(&s, (struct str){ text, cut });
            sha256_add(&s, (struct str){ text + cut, n - cut });
            sha256_end(&s, digest);
            sha256_hex(digest, sizeof(digest), parts);
            CHECK_STR(parts, whole);
        }
    }
}

TEST("HMAC as RFC 4231 has it, long keys included")
{
    char key[131], data[50];
    memset(key, 0x0b, 20);
    CHECK_STR(
        hmac((struct str){ key, 20 }, STR("Hi There")),
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    CHECK_STR(
        hmac(STR("Jefe"), STR("what do ya want for nothing?")),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    memset(data, 0xdd, sizeof(data));
    CHECK_STR(
        hmac((struct str){ key, 20 }, (struct str){ data, 50 }),
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    CHECK_STR(
        hmac((struct str){ key, 131 },
             STR("Test Using Larger Than Block-Size Key - Hash Key First")),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    CHECK_STR(
        hmac((struct str){ key, 131 },
             STR("This is a test using a larger than block-size key and a "
                 "larger than block-size data. The key needs to be hashed "
                 "before being used by the HMAC algorithm.")),
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

UNIT_MAIN
