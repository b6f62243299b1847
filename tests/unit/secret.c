#include "unit.h"

#include "base/secret.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/pipeutils-secret.XXXXXX";
static char path[64], source[80];

static void write_key(const char *text, size_t n, mode_t mode)
{
    unlink(path);
    FILE *f = fopen(path, "w");
    CHECK(f != NULL && fwrite(text, 1, n, f) == n && fclose(f) == 0);
    CHECK(chmod(path, mode) == 0);
}

/* The secret of a source, or the code and message of the error. */
static const char *get(const char *from)
{
    static char out[1200];
    struct err e = { 0 };
    struct str s;
    if (secret_read(str_of(from), &s, &e)) {
        snprintf(out, sizeof(out), "%d: %s", (int)e.code, e.msg);
        return out;
    }
    snprintf(out, sizeof(out), "%.*s", STR_ARG(s));
    secret_free(&s);
    CHECK(s.p == NULL);
    return out;
}

TEST("a key file is read without its line end, and only if it is private")
{
    CHECK(mkdtemp(dir) != NULL);
    snprintf(path, sizeof(path), "%s/key", dir);
    snprintf(source, sizeof(source), "file:%s", path);
    write_key("top secret\n", 11, 0600);
    CHECK_STR(get(source), "top secret");
    write_key("top secret\r\n", 12, 0400);
    CHECK_STR(get(source), "top secret");
    write_key(" a\nb\n\n", 6, 0600);
    CHECK_STR(get(source), " a\nb\n");
    static const mode_t open_modes[] = { 0640, 0604, 0660, 0620, 0611, 0666 };
    for (size_t i = 0; i < sizeof(open_modes) / sizeof(*open_modes); i++) {
        write_key("top secret\n", 11, open_modes[i]);
        const char *why = get(source);
        CHECK(strncmp(why, "77: ", 4) == 0 && strstr(why, path) != NULL);
        CHECK(strstr(why, "top") == NULL);
    }
}

TEST("a key that is empty, too long or not there is an error of its own")
{
    static char text[SECRET_MAX + 2];
    memset(text, 'k', sizeof(text));
    write_key("\n", 1, 0600);
    CHECK(strstr(get(source), "is empty") != NULL);
    write_key(text, SECRET_MAX, 0600);
    CHECK(strlen(get(source)) > 1000);
    write_key(text, SECRET_MAX + 1, 0600);
    CHECK(strstr(get(source), "more than 4096 bytes") != NULL);
    unlink(path);
    CHECK(strncmp(get(source), "66: ", 4) == 0);
    CHECK(mkfifo(path, 0600) == 0); /* and it does not wait for a writer */
    CHECK(strstr(get(source), "no regular file") != NULL);
    unlink(path);
    rmdir(dir);
}

TEST("a key from the environment, and what is no source")
{
    setenv("UNIT_KEY", "from outside", 1);
    CHECK_STR(get("env:UNIT_KEY"), "from outside");
    setenv("UNIT_KEY", "", 1);
    CHECK(strncmp(get("env:UNIT_KEY"), "78: ", 4) == 0);
    unsetenv("UNIT_KEY");
    CHECK(strncmp(get("env:UNIT_KEY"), "78: ", 4) == 0);
    CHECK(strncmp(get("plain text"), "64: ", 4) == 0);
    CHECK(strstr(get("plain text"), "plain text") == NULL);
    CHECK(strncmp(get("file:"), "64: ", 4) == 0);
    CHECK(strncmp(get("env:"), "64: ", 4) == 0);
    CHECK(strncmp(get(""), "64: ", 4) == 0);
}

UNIT_MAIN
