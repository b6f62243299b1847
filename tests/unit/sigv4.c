/* The examples of "Signature Calculations for the Authorization Header:
 * Transferring Payload in a Single Chunk", API reference of Amazon S3. */
#include "unit.h"

#include "s3/sigv4.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HOST                                               \
    {                                                      \
        STR("host"), STR("examplebucket.s3.amazonaws.com") \
    }
#define DATE                                       \
    {                                              \
        STR("x-amz-date"), STR("20130524T000000Z") \
    }

static const char *authorize(const struct sigv4_request *r)
{
    static struct buf out;
    const struct sigv4_key key = {
        STR("AKIAIOSFODNN7EXAMPLE"),
        STR("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), STR("us-east-1"),
        STR("s3")
    };
    buf_reset(&out);
    CHECK(sigv4_authorization(&out, r, &key, "20130524T000000Z") == 0);
    return buf_z(&out);
}

#define CREDENTIAL                                                      \
    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east" \
    "-1/s3/aws4_request,"

TEST("an object is asked for, a range of it")
{
    const struct sigv4_pair headers[] = {
        HOST,
        { STR("range"), STR("bytes=0-9") },
        { STR("x-amz-content-sha256"), STR(EMPTY) },
        DATE,
    };
    const struct sigv4_request r = { .method = "GET",
                                     .path = STR("/test.txt"),
                                     .headers = headers,
                                     .n_headers = 4,
                                     .payload = STR(EMPTY) };
    CHECK_STR(authorize(&r), CREDENTIAL
              "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
              "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd9103"
              "9c6036bdb41");
}

TEST("an object is put; headers come in any order, its name is encoded")
{
    char hash[65];
    sigv4_hash(STR("Welcome to Amazon S3."), hash);
    CHECK_STR(
        hash,
        "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072");
    const struct sigv4_pair headers[] = {
        { STR("x-amz-storage-class"), STR("REDUCED_REDUNDANCY") },
        DATE,
        { STR("x-amz-content-sha256"), str_of(hash) },
        HOST,
        { STR("date"), STR("Fri, 24 May 2013 00:00:00 GMT") },
    };
    const struct sigv4_request r = { .method = "PUT",
                                     .path = STR("/test$file.text"),
                                     .headers = headers,
                                     .n_headers = 5,
                                     .payload = str_of(hash) };
    CHECK_STR(authorize(&r), CREDENTIAL
              "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;"
              "x-amz-storage-class,"
              "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971"
              "af0ece108bd");
}

static const char *authorize_bucket(const struct sigv4_pair *query, size_t n)
{
    const struct sigv4_pair headers[] = {
        HOST, { STR("x-amz-content-sha256"), STR(EMPTY) }, DATE
    };
    const struct sigv4_request r = { .method = "GET",
                                     .path = STR("/"),
                                     .query = query,
                                     .n_query = n,
                                     .headers = headers,
                                     .n_headers = 3,
                                     .payload = STR(EMPTY) };
    return authorize(&r);
}

TEST("a parameter without a value")
{
    const struct sigv4_pair query[] = { { STR("lifecycle"), STR("") } };
    CHECK_STR(authorize_bucket(query, 1), CREDENTIAL
              "SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
              "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200"
              "a0136783543");
}

TEST("a listing, its parameters in any order")
{
    const struct sigv4_pair query[] = { { STR("prefix"), STR("J") },
                                        { STR("max-keys"), STR("2") } };
    CHECK_STR(authorize_bucket(query, 2), CREDENTIAL
              "SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
              "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed57"
              "11ef69dc6f7");
}

static const char *encode(struct str text, bool keep_slash)
{
    static struct buf out;
    buf_reset(&out);
    CHECK(sigv4_encode(&out, text, keep_slash) == 0);
    return buf_z(&out);
}

TEST("bytes are encoded as %XX, those of UTF-8 each")
{
    CHECK_STR(encode(STR("a b+c/\xc3\xa9~*"), true), "a%20b%2Bc/%C3%A9~%2A");
    CHECK_STR(encode(STR("a/b=&%"), false), "a%2Fb%3D%26%25");
}

TEST("parameters are sorted as they are encoded, a name before a longer one")
{
    const struct sigv4_pair query[] = { { STR("a-b"), STR("1") },
                                        { STR("a"), STR("2") },
                                        { STR("a"), STR("1") },
                                        { STR("~"), STR("") },
                                        { STR("\xc3\xa9"), STR("x y") } };
    struct buf out = { 0 };
    CHECK(sigv4_query(&out, query, 5) == 0);
    CHECK_STR(buf_z(&out), "%C3%A9=x%20y&a=1&a=2&a-b=1&~=");
    buf_free(&out);
}

TEST("spaces within a header count as one, those around it as none")
{
    const struct sigv4_pair headers[] = { { STR("x-amz-meta-a"),
                                            STR("  b   c d  ") } };
    const struct sigv4_request r = { .method = "PUT",
                                     .path = STR("/k"),
                                     .headers = headers,
                                     .n_headers = 1,
                                     .payload = STR(SIGV4_UNSIGNED) };
    struct buf out = { 0 };
    CHECK(sigv4_canonical(&out, &r) == 0);
    CHECK_STR(buf_z(&out), "PUT\n/k\n\nx-amz-meta-a:b c d\n\nx-amz-meta-a\n"
                           "UNSIGNED-PAYLOAD");
    buf_free(&out);
}

TEST("what is too much is refused")
{
    static char long_secret[SIGV4_SECRET_MAX + 1];
    struct sigv4_pair query[SIGV4_PAIRS_MAX + 1];
    struct buf out = { 0 };
    for (size_t i = 0; i <= SIGV4_PAIRS_MAX; i++)
        query[i] = (struct sigv4_pair){ STR("a"), STR("b") };
    CHECK(sigv4_query(&out, query, SIGV4_PAIRS_MAX + 1) == -1);
    const struct sigv4_key big = { .secret = { long_secret,
                                               sizeof(long_secret) } };
    const struct sigv4_request r = { .method = "GET", .path = STR("/") };
    CHECK(sigv4_authorization(&out, &r, &big, "20130524T000000Z") == -1);
    buf_free(&out);
}

TEST("a time is written in UTC")
{
    char out[SIGV4_TIME];
    sigv4_time(1369353600, out);
    CHECK_STR(out, "20130524T000000Z");
}

UNIT_MAIN
