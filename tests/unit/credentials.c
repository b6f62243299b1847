#include "unit.h"

#include "s3/credentials.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[256];

/* A home of its own, and nothing of ours in the environment. */
static void start(void)
{
    static const char *const names[] = {
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN", "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_CONFIG_FILE",   "CREDENTIALS_DIRECTORY",
        "AWS_PROFILE"
    };
    const char *tmp = getenv("TMPDIR");
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        unsetenv(names[i]);
    snprintf(folder, sizeof(folder), "%s/pipe-credentials.XXXXXX",
             tmp ? tmp : "/tmp");
    char path[300];
    CHECK(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/.aws", folder);
    CHECK(mkdir(path, 0700) == 0);
    setenv("HOME", folder, 1);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
    char path[400];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    CHECK(f && fputs(text, f) >= 0);
    if (f)
        fclose(f);
    CHECK(chmod(path, mode) == 0);
}

static void finish(void)
{
    static const char *const names[] = { ".aws/credentials", ".aws/config",
                                         "aws-credentials", ".aws", "" };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char path[400];
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        remove(path);
    }
    CHECK(access(folder, F_OK) != 0);
}

/* "access secret token", or "!" with code and message. */
static const char *find(void)
{
    static char out[2000];
    struct credentials c;
    struct err e = { 0 };
    if (credentials_find(&c, &e))
        snprintf(out, sizeof(out), "!%d %s", (int)e.code, e.msg);
    else
        snprintf(out, sizeof(out), "%s %s %s", c.access.p, c.secret.p,
                 c.token.p);
    credentials_free(&c);
    return out;
}

TEST("the environment comes first")
{
    start();
    write_file(".aws/credentials",
               "[default]\naws_access_key_id=f\naws_secret_access_key=g\n",
               0600);
    setenv("AWS_ACCESS_KEY_ID", "AK", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "SK", 1);
    CHECK_STR(find(), "AK SK ");
    setenv("AWS_SESSION_TOKEN", "TK", 1);
    CHECK_STR(find(), "AK SK TK");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    CHECK_STR(find(), "!78 AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is "
                      "not");
    finish();
}

static const char two_profiles[] =
    "# who\r\n[default]\r\naws_access_key_id = AK\r\n"
    "aws_secret_access_key = S/K+=\r\n\n[ other ]\naws_access_key_id=BK\n"
    "  aws_access_key_id=nested\naws_secret_access_key=OLD\n"
    "aws_secret_access_key=TK\naws_session_token =  UK\n[half]\n"
    "aws_access_key_id=CK";

TEST("a profile is read from ~/.aws/credentials")
{
    start();
    write_file(".aws/credentials", two_profiles, 0600);
    CHECK_STR(find(), "AK S/K+= ");
    setenv("AWS_PROFILE", "other", 1);
    CHECK_STR(find(), "BK TK UK");
    setenv("AWS_PROFILE", "half", 1);
    CHECK(strncmp(find(), "!78 profile 'half' in '", 23) == 0);
    setenv("AWS_PROFILE", "none", 1);
    CHECK(strncmp(find(), "!78 profile 'none' in '", 23) == 0);
    finish();
}

TEST("a file that others may read is refused")
{
    start();
    write_file(".aws/credentials", two_profiles, 0640);
    CHECK(strncmp(find(), "!77 ", 4) == 0);
    CHECK(strstr(find(), "mode 0640: others may use it (chmod 600)"));
    CHECK(!strstr(find(), "S/K"));
    finish();
}

TEST("a unit's credential stands in, whatever its mode")
{
    start();
    write_file("aws-credentials", two_profiles, 0440);
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    CHECK_STR(find(), "AK S/K+= ");
    finish();
}

TEST("a file that was named must be there")
{
    start();
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/at/all", 1);
    CHECK_STR(find(), "!78 no file '/nowhere/at/all' "
                      "(AWS_SHARED_CREDENTIALS_FILE)");
    finish();
}

TEST("none at all; and one that would break a header")
{
    start();
    CHECK(strncmp(find(), "!78 no credentials for S3", 25) == 0);
    setenv("AWS_ACCESS_KEY_ID", "AK", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "S\r\nX: y", 1);
    CHECK_STR(find(), "!78 credentials of S3 have a character that none has");
    finish();
}

TEST("the configuration has a section for each profile")
{
    struct buf out = { 0 };
    struct err e = { 0 };
    start();
    CHECK(credentials_config("region", &out, &e) == 0 && out.n == 0);
    write_file(".aws/config",
               "[default]\nregion = eu-west-1\ns3 =\n  endpoint_url = no\n"
               "[profile other]\nregion=eu-north-1\n",
               0644);
    CHECK(credentials_config("region", &out, &e) == 0);
    CHECK_STR(buf_z(&out), "eu-west-1");
    buf_reset(&out);
    setenv("AWS_PROFILE", "other", 1);
    CHECK(credentials_config("region", &out, &e) == 0);
    CHECK_STR(buf_z(&out), "eu-north-1");
    buf_reset(&out);
    CHECK(credentials_config("endpoint_url", &out, &e) == 0 && out.n == 0);
    buf_free(&out);
    finish();
}

UNIT_MAIN
