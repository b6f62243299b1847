#include "calc.h"

#include <sys/stat.h>
#include <unistd.h>

TEST("hashes are those of the bytes of the text, in hex")
{
    CHECK_STR(calc("sha256('abc')"),
              "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f2001"
              "5ad\"");
    CHECK_STR(calc("sha256('\xc3\xa9')"),
              "\"4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69"
              "c4c\"");
    CHECK_STR(value("{\"a\":\"ab\\u0063\"}", "sha256(a) = sha256('abc')"),
              "true");
    CHECK_STR(value("{\"a\":1.50}", "sha256(a) = sha256('1.50')"), "true");
    CHECK_STR(calc("hmac_sha256('Jefe', 'what do ya want for nothing?')"),
              "\"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3"
              "843\"");
    CHECK_STR(calc("xxh3('')"), "\"2d06800538d394c2\"");
    CHECK_STR(calc("xxh3('a')"), "\"e6c632b61e964e1f\"");
    CHECK_STR(calc("xxh3(NULL)"), "null");
    CHECK_STR(calc("sha256(NULL)"), "null");
    CHECK_STR(value("{\"a\":[1]}", "sha256(a)"), "!expr_type");
    CHECK_STR(calc("hmac_sha256(1, 'x')"), "!expr_type");
}

TEST("mask leaves the last four of at least eight letters and digits")
{
    CHECK_STR(calc("mask('4111-1111-1111-1234')"), "\"****-****-****-1234\"");
    CHECK_STR(calc("mask('12345678')"), "\"****5678\"");
    CHECK_STR(calc("mask('1234567')"), "\"*******\"");
    CHECK_STR(calc("mask('+49 (30) 12')"), "\"+** (**) **\"");
    CHECK_STR(calc("mask(41111234)"), "\"****1234\"");
    CHECK_STR(calc("mask('M\xc3\xbcller')"), "\"******\"");
    CHECK_STR(calc("mask('')"), "\"\"");
    CHECK_STR(calc("mask('a b')"), "\"* *\"");
    CHECK_STR(calc("mask('DE89 3704', 2)"), "\"**** **04\"");
    CHECK_STR(calc("mask('abc', 3)"), "\"***\"");
    CHECK_STR(calc("mask('abcd', 3)"), "\"*bcd\"");
    CHECK_STR(calc("mask('abcdefghij', 0)"), "\"**********\"");
    CHECK_STR(calc("mask('abc', -1)"), "!expr_type");
    CHECK_STR(calc("mask(TRUE)"), "!expr_type");
    CHECK_STR(calc("mask(NULL)"), "null");
}

TEST("mask leaves the domain of an e-mail address")
{
    CHECK_STR(calc("mask('john.doe@example.org')"), "\"j*******@example.org\"");
    CHECK_STR(calc("mask('a@b.de')"), "\"*@b.de\"");
    CHECK_STR(calc("mask('\xc3\xa9ric@b.de')"), "\"\xc3\xa9***@b.de\"");
    CHECK_STR(calc("mask('john.doe@example.org', 0)"),
              "\"****.***@*******.***\"");
    CHECK_STR(calc("mask('x@y@example.org')"), "\"*@*@******e.org\"");
    CHECK_STR(calc("mask('@example.org')"), "\"@******e.org\"");
    CHECK_STR(calc("mask('someone@host')"), "\"*******@host\"");
    CHECK_STR(calc("mask('some one@a.de')"), "\"**** **e@a.de\"");
}

TEST("redact leaves nothing but null")
{
    CHECK_STR(calc("redact('secret')"), "\"[REDACTED]\"");
    CHECK_STR(value("{\"a\":[1]}", "redact(a)"), "\"[REDACTED]\"");
    CHECK_STR(calc("redact(NULL)"), "null");
    CHECK_STR(calc("redact(MISSING)"), "null");
}

TEST("pseudonyms are the key's, and the same for the same text")
{
    char path[] = "/tmp/pipeutils-key.XXXXXX", text[200], want[100];
    int fd = mkstemp(path);
    CHECK(fd >= 0 && write(fd, "Jefe\n", 5) == 5 && close(fd) == 0);
    setenv("UNIT_KEY", "Jefe", 1);
    snprintf(text, sizeof(text),
             "pseudonymise('what do ya want for nothing?', 'file:%s')", path);
    CHECK_STR(calc(text), "\"5bdcc146bf60754e6a042426089575c7\"");
    CHECK_STR(calc("pseudonymize('what do ya want for nothing?', "
                   "'env:UNIT_KEY')"),
              "\"5bdcc146bf60754e6a042426089575c7\"");
    snprintf(want, sizeof(want), "%s",
             value("{\"a\":12}", "pseudonymise(a, 'env:UNIT_KEY')"));
    CHECK_STR(calc("pseudonymise('12', 'env:' || 'UNIT_KEY')"), want);
    CHECK_STR(value("{\"a\":null}", "pseudonymise(a, 'env:UNIT_KEY')"), "null");
    CHECK_STR(value("{\"a\":[]}", "pseudonymise(a, 'env:UNIT_KEY')"),
              "!expr_type");
    CHECK_STR(value("{\"a\":\"x\"}", "pseudonymise(a, 'env:UNIT_KEY') = "
                                     "pseudonymise(a, 'env:UNIT_KEY')"),
              "true");
    unlink(path);
}

/* The code and message of the error that expr_add has. */
static const char *refused(const char *text)
{
    static char out[1200];
    struct err e = { 0 };
    struct expr_set *x = expr_new(&plain);
    CHECK(expr_add(x, "--set c", str_of(text), &e) == -1);
    snprintf(out, sizeof(out), "%d %s", (int)e.code, e.msg);
    expr_free(x);
    return out;
}

TEST("a key that cannot be had is an error before the first record")
{
    char path[] = "/tmp/pipeutils-key.XXXXXX", text[200];
    int fd = mkstemp(path);
    CHECK(fd >= 0 && write(fd, "hunter2\n", 8) == 8 && fchmod(fd, 0644) == 0 &&
          close(fd) == 0);
    snprintf(text, sizeof(text), "pseudonymise(a, 'file:%s')", path);
    const char *why = refused(text);
    CHECK(strncmp(why, "77 --set c: key file", 20) == 0);
    CHECK(strstr(why, path) != NULL && strstr(why, "hunter2") == NULL);
    unlink(path);
    CHECK(strncmp(refused(text), "66 ", 3) == 0);
    unsetenv("UNIT_KEY");
    CHECK(strncmp(refused("pseudonymise(a, 'env:UNIT_KEY')"), "78 ", 3) == 0);
    CHECK(strstr(refused("pseudonymise(a, b)"),
                 "must be a constant at byte 17") != NULL);
    CHECK(strstr(refused("pseudonymise(a, 12)"), "must be a string") != NULL);
    CHECK(strstr(refused("pseudonymise(a, NULL)"), "must be a string") != NULL);
    why = refused("pseudonymise(a, 'hunter2')");
    CHECK(strncmp(why,
                  "64 --set c: key source must be 'file:PATH' or "
                  "'env:NAME' at byte 18",
                  60) == 0);
    CHECK(strstr(why, "hunter2") == NULL); /* it may be the key itself */
    CHECK(strstr(refused("CASE WHEN a THEN pseudonymise(a, 'env:UNIT_KEY') "
                         "END"),
                 "not set") != NULL);
}

UNIT_MAIN
