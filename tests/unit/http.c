/* The HTTP client against a server that says what a test wants, byte for
 * byte. */
#include "unit.h"

#include "http/address.h"
#include "http/client.h"
#include "http/retry.h"
#include "http/url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ---- the server: one connection after the other ---- */

static struct {
    int fd;
    unsigned short port;
    const char *answer;   /* for each connection */
    size_t repeat;        /* of the last byte, behind it */
    int stall_ms;         /* before the connection is closed */
    bool reset;           /* and then with a reset */
    char got[4096];       /* what the last request was */
    _Atomic size_t taken; /* bytes that the client's side took */
    pthread_t thread;
} server;

static void serve_one(int fd)
{
    size_t n = 0;
    while (n < sizeof(server.got) - 1) {
        ssize_t r = read(fd, server.got + n, sizeof(server.got) - 1 - n);
        if (r <= 0)
            break;
        n += (size_t)r;
        server.got[n] = '\0';
        const char *end = strstr(server.got, "\r\n\r\n");
        if (end && (!strstr(server.got, "Length: 5") || strlen(end) >= 9))
            break;
    }
    size_t left = strlen(server.answer);
    if (left && write(fd, server.answer, left) < 0)
        left = 0;
    static char block[65536];
    memset(block, left ? server.answer[left - 1] : 'x', sizeof(block));
    for (left = server.repeat; left;) {
        size_t take = left < sizeof(block) ? left : sizeof(block);
        ssize_t w = send(fd, block, take, MSG_NOSIGNAL);
        if (w <= 0)
            break;
        left -= (size_t)w;
        server.taken += (size_t)w;
    }
    usleep((useconds_t)server.stall_ms * 1000);
    struct linger hard = { server.reset, 0 };
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(fd);
}

static void *serve(void *unused)
{
    for (;;) {
        int fd = accept(server.fd, NULL, NULL);
        if (fd < 0)
            return unused;
        serve_one(fd);
    }
}

static void start(const char *answer)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t n = sizeof(a);
    server.answer = answer;
    server.repeat = 0;
    server.stall_ms = 0;
    server.reset = false;
    server.taken = 0;
    if (server.port)
        return;
    server.fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(server.fd, (struct sockaddr *)&a, n) == 0 &&
          listen(server.fd, 8) == 0 &&
          getsockname(server.fd, (struct sockaddr *)&a, &n) == 0);
    server.port = ntohs(a.sin_port);
    CHECK(pthread_create(&server.thread, NULL, serve, NULL) == 0);
}

/* ---- requests ---- */

static struct http *h;
static struct http_call *call;
static struct err err;
static char url[100];
static const struct http_opts local = { .allow_private = true, .idle_ms = 500 };

static int begin(const struct http_opts *o, struct http_request r)
{
    err = (struct err){ 0 };
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/a?key=secret", server.port);
    r.url = url;
    CHECK(http_open(&h, o, &err) == 0);
    return http_send(h, &r, &call, NULL, &err);
}

static void finish(void)
{
    http_end(call);
    http_close(h);
    call = NULL;
}

/* The whole body, or the error's message. */
static const char *body(struct http_request r)
{
    static struct buf out;
    buf_reset(&out);
    const char *text = err.msg;
    if (begin(&local, r) == 0 && http_body(call, &out, &err) == 0)
        text = buf_z(&out);
    finish();
    return text;
}

TEST("a body by length, in chunks and of nothing comes as it is")
{
    start("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    CHECK_STR(body((struct http_request){ 0 }), "hello");
    CHECK(strncmp(server.got, "GET /a?key=secret HTTP/1.1\r\n", 28) == 0);
    CHECK(!strstr(server.got, "Authorization"));
    start("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
          "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    CHECK_STR(body((struct http_request){ 0 }), "abcde");
    start("HTTP/1.1 204 No\r\n\r\n");
    CHECK_STR(body((struct http_request){ 0 }), "");
}

TEST("status and headers are those of the final answer, in any case of letters")
{
    struct str v;
    start("HTTP/1.1 103 Early\r\nLink: </x>\r\n\r\n"
          "HTTP/1.1 200 OK\r\nlink:  <a> \r\nLINK: <b>\r\nContent-Length: 0\r\n"
          "\r\n");
    CHECK(begin(&local, (struct http_request){ 0 }) == 0);
    CHECK(http_status(call) == 200 && http_is_framed(call));
    CHECK(http_header(call, "Link", 0, &v) && str_eq(v, STR("<a>")));
    CHECK(http_header(call, "link", 1, &v) && str_eq(v, STR("<b>")));
    CHECK(!http_header(call, "link", 2, &v) && !http_header(call, "a", 0, &v));
    finish();
}

TEST("a body that ends early fails with 75, whatever tells its length")
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n",
    };
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        start(answers[i]);
        body((struct http_request){ 0 });
        CHECK(err.code == ERR_TEMPFAIL);
        CHECK(!strstr(err.msg, "secret"));
    }
}

TEST("what came before a connection was reset can be read, then it fails")
{
    char got[32];
    start("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
    server.stall_ms = 50;
    server.reset = true;
    CHECK(begin(&local, (struct http_request){ 0 }) == 0);
    CHECK(http_read(call, got, sizeof(got), &err) == 5);
    CHECK(http_read(call, got, sizeof(got), &err) == -1);
    CHECK(err.code == ERR_TEMPFAIL && http_again(call));
    finish();
}

TEST("a body whose end nothing tells is known as such")
{
    start("HTTP/1.1 200 OK\r\n\r\nhello");
    CHECK(begin(&local, (struct http_request){ 0 }) == 0);
    CHECK(!http_is_framed(call));
    finish();
    CHECK_STR(body((struct http_request){ 0 }), "hello");
}

TEST("a server that says nothing runs into the idle time, or is stopped")
{
    start("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
    server.stall_ms = 800;
    body((struct http_request){ 0 });
    CHECK(err.code == ERR_TEMPFAIL && strstr(err.msg, "time ran out"));
}

static bool stop_now(void)
{
    return true;
}

TEST("waiting ends when a signal came")
{
    struct http_opts o = local;
    o.stop = stop_now;
    start("");
    server.stall_ms = 150;
    CHECK(begin(&o, (struct http_request){ 0 }) == -1);
    CHECK(err.code == ERR_TEMPFAIL);
    CHECK_STR(err.msg, "stopped by a signal");
    finish();
}

TEST("a private address is refused when the socket would be opened")
{
    struct http_opts o = { 0 };
    start("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    server.got[0] = '\0';
    CHECK(begin(&o, (struct http_request){ 0 }) == -1);
    CHECK(err.code == ERR_NOPERM && strstr(err.msg, "private address"));
    CHECK(server.got[0] == '\0');
    finish();
}

TEST("a body nobody reads is not taken from the server")
{
    start("HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n");
    server.repeat = 50000000;
    CHECK(begin(&local, (struct http_request){ .hold = 4096 }) == 0);
    usleep(100000);
    CHECK(server.taken < 20000000); /* what sockets hold */
    char got[65536];
    size_t n = 0;
    for (ssize_t r; (r = http_read(call, got, sizeof(got), &err)) > 0;)
        n += (size_t)r;
    CHECK(n == 50000000);
    finish();
}

TEST("a body longer than the buffer's maximum is refused")
{
    struct buf out = { .max = 100 };
    start("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    server.repeat = 1000;
    CHECK(begin(&local, (struct http_request){ 0 }) == 0);
    CHECK(http_body(call, &out, &err) == -1 && err.code == ERR_DATA);
    buf_free(&out);
    finish();
}

static ssize_t give(void *from, void *buf, size_t n, struct err *e)
{
    int *left = from;
    (void)e;
    if (*left == 0 || n == 0)
        return 0;
    *(char *)buf = (char)('0' + (*left)--);
    return 1;
}

TEST("bodies are sent from memory and from a reader")
{
    static const char *const headers[] = { "Content-Type: text/plain" };
    start("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    CHECK_STR(body((struct http_request){
                  .body = STR("12345"), .headers = headers, .n_headers = 1 }),
              "ok");
    CHECK(strncmp(server.got, "POST ", 5) == 0);
    CHECK(strstr(server.got, "\r\nContent-Type: text/plain\r\n"));
    CHECK(strstr(server.got, "\r\nContent-Length: 5\r\n"));
    CHECK(strstr(server.got, "\r\n\r\n12345"));
    int left = 5;
    CHECK_STR(body((struct http_request){
                  .method = "PUT", .reader = give, .from = &left, .size = 5 }),
              "ok");
    CHECK(strncmp(server.got, "PUT ", 4) == 0);
    CHECK(strstr(server.got, "\r\n\r\n54321"));
}

TEST("a header with a line end in it is refused")
{
    static const char *const headers[] = { "A: b\r\nC: d" };
    start("");
    CHECK(begin(&local, (struct http_request){ .headers = headers,
                                               .n_headers = 1 }) == -1);
    CHECK(err.code == ERR_USAGE);
    finish();
}

TEST("a header without end is refused")
{
    start("HTTP/1.1 200 OK\r\nA: ");
    server.repeat = 2000000;
    CHECK(begin(&local, (struct http_request){ 0 }) == -1);
    CHECK(err.code != ERR_NONE);
    finish();
}

TEST("statuses have the exit codes that fit them")
{
    static const struct {
        const char *answer;
        enum err_code code;
    } cases[] = {
        { "HTTP/1.1 401 x\r\nContent-Length: 0\r\n\r\n", ERR_NOPERM },
        { "HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n", ERR_NOINPUT },
        { "HTTP/1.1 429 x\r\nContent-Length: 0\r\n\r\n", ERR_TEMPFAIL },
        { "HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n", ERR_UNAVAILABLE },
        { "HTTP/1.1 400 x\r\nContent-Length: 0\r\n\r\n", ERR_CONFIG }
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start(cases[i].answer);
        CHECK(begin(&local, (struct http_request){ 0 }) == 0);
        CHECK(http_status_error(call, &err) == -1);
        CHECK(err.code == cases[i].code);
        CHECK(!strstr(err.msg, "secret"));
        finish();
    }
}

/* ---- URLs ---- */

static const char *resolved(const char *base, const char *reference)
{
    static struct buf out;
    buf_reset(&out);
    return url_resolve(base, str_of(reference), &out, &err) ? err.msg
                                                            : buf_z(&out);
}

TEST("references are resolved as RFC 3986 has it, and only to HTTP")
{
    const char *base = "https://api.test/v1/items?page=1";
    CHECK_STR(resolved(base, "?page=2"), "https://api.test/v1/items?page=2");
    CHECK_STR(resolved(base, "more"), "https://api.test/v1/more");
    CHECK_STR(resolved(base, "/x#f"), "https://api.test/x");
    CHECK_STR(resolved(base, "//b.test/x"), "https://b.test/x");
    CHECK_STR(resolved(base, "http://b.test/y?a=b"), "http://b.test/y?a=b");
    CHECK(strstr(resolved(base, "file:///etc/passwd"), "not a URL of HTTP"));
    CHECK(strstr(resolved(base, "gopher://x/"), "not a URL of HTTP"));
    CHECK(strstr(resolved(base, "//ann:geheim@a/"), "not a URL of HTTP"));
    CHECK(!strstr(err.msg, "geheim"));
}

static bool same(const char *a, const char *b)
{
    bool yes = false;
    return url_same_origin(a, b, &yes, &err) == 0 && yes;
}

TEST("an origin is scheme, host and port")
{
    CHECK(same("http://a.test/x", "HTTP://A.test:80/y"));
    CHECK(same("https://a.test/", "https://a.test:443"));
    CHECK(!same("http://a.test/", "https://a.test/"));
    CHECK(!same("http://a.test/", "http://a.test:81/"));
    CHECK(!same("http://a.test/", "http://a.test.evil/"));
    CHECK(!same("http://a.test/", "http://evil@b.test/"));
    CHECK(!same("http://a.test/", "http://a.test@b.test/"));
}

TEST("a URL with user and password is refused and never shown")
{
    struct buf out = { 0 };
    CHECK(url_check("https://u:geheim@a.test/", &err) == -1);
    CHECK(err.code == ERR_USAGE && !strstr(err.msg, "geheim"));
    CHECK(url_check("ftp://a.test/", &err) == -1);
    CHECK(url_check("https://", &err) == -1);
    CHECK(url_check("https://a.test/x?y", &err) == 0);
    CHECK(url_show("https://u:ge@heim@a.test/b?k=v#f", &out) == 0);
    CHECK_STR(buf_z(&out), "https://a.test/b?k=v");
    buf_reset(&out);
    CHECK(url_show("https://a.test?a=1&X-Amz-Sign%61ture=f00&token&TOKEN=x",
                   &out) == 0);
    CHECK_STR(buf_z(&out),
              "https://a.test?a=1&X-Amz-Sign%61ture=***&token&TOKEN=***");
    CHECK(url_has_param("https://a.test?a=1&API%5fkey=f00", STR("api_key")));
    CHECK(!url_has_param("https://a.test?api_key&b=1", STR("api_key")));
    CHECK(!url_has_param("https://a.test#?api_key=1", STR("api_key")));
    buf_free(&out);
}

static const char *with(const char *u, const char *name, const char *value)
{
    static struct buf out;
    buf_reset(&out);
    CHECK(url_set_param(u, str_of(name), str_of(value), &out) == 0);
    return buf_z(&out);
}

TEST("a parameter is set, encoded, in the place of one of that name")
{
    CHECK_STR(with("http://a/x", "p", "1"), "http://a/x?p=1");
    CHECK_STR(with("http://a/x?", "p", "1"), "http://a/x?p=1");
    CHECK_STR(with("http://a/x?p=0&q=2#f", "p", "1"), "http://a/x?q=2&p=1");
    CHECK_STR(with("http://a/x?q&&r=1", "p", "1"), "http://a/x?q&r=1&p=1");
    CHECK_STR(with("http://a/x?pp=0&p", "p", "a b&c"),
              "http://a/x?pp=0&p=a%20b%26c");
    CHECK_STR(with("http://a/x?page[n]=1&page%5Bn%5d=2&x", "page[n]", "3"),
              "http://a/x?x&page%5Bn%5D=3");
}

/* ---- trying again ---- */

TEST("Retry-After is seconds or a date")
{
    uint64_t ms;
    CHECK(retry_after(STR("120"), 0, &ms) && ms == 120000);
    CHECK(retry_after(STR("0"), 0, &ms) && ms == 0);
    CHECK(retry_after(STR("Fri, 31 Dec 1999 23:59:59 GMT"), 946684789, &ms) &&
          ms == 10000);
    CHECK(retry_after(STR("Fri, 31 Dec 1999 23:59:59 GMT"), 946684899, &ms) &&
          ms == 0);
    CHECK(retry_after(STR("99999999999999999999999"), 0, &ms));
    CHECK(!retry_after(STR(""), 0, &ms) && !retry_after(STR("soon"), 0, &ms));
    CHECK(!retry_after(STR("-5"), 0, &ms) && !retry_after(STR("5 s"), 0, &ms));
}

TEST("waits are random below a cap that doubles, and never past the deadline")
{
    struct retry r = { 4, 100, 250, 100000 };
    static const uint64_t most[] = { 100, 200, 250, 250 };
    uint64_t wait, seen[4] = { 0 };
    for (int round = 0; round < 200; round++) {
        struct retry_turn t = { 0, http_clock_ms() };
        for (size_t i = 0; i < 4; i++) {
            CHECK(retry_next(&r, &t, 0, &wait) && wait <= most[i]);
            seen[i] = seen[i] > wait ? seen[i] : wait;
        }
        CHECK(!retry_next(&r, &t, 0, &wait));
    }
    for (size_t i = 0; i < 4; i++)
        CHECK(seen[i] > most[i] / 2); /* 1 in 2^200 */
    struct retry_turn t = { 0, http_clock_ms() };
    CHECK(retry_next(&r, &t, 5000, &wait) && wait == 5000);
    CHECK(!retry_next(&r, &t, 100001, &wait));
    t.started_ms -= 99999;
    CHECK(!retry_next(&r, &t, 1000, &wait));
}

TEST("what another try may change is tried again")
{
    CHECK(retry_status(429) && retry_status(500) && retry_status(503) &&
          retry_status(522) && retry_status(408));
    CHECK(!retry_status(400) && !retry_status(401) && !retry_status(404) &&
          !retry_status(501) && !retry_status(200) && !retry_status(304));
}

/* ---- addresses ---- */

static bool is_private(const char *text)
{
    struct sockaddr_in a = { .sin_family = AF_INET };
    struct sockaddr_in6 a6 = { .sin6_family = AF_INET6 };
    if (inet_pton(AF_INET, text, &a.sin_addr) == 1)
        return address_is_private((const struct sockaddr *)&a);
    CHECK(inet_pton(AF_INET6, text, &a6.sin6_addr) == 1);
    return address_is_private((const struct sockaddr *)&a6);
}

TEST("private, loopback, link-local and wrapped addresses are told apart")
{
    static const char *const inside[] = {
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "198.18.0.1",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "fd12::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "64:ff9b::10.0.0.1",
        "2002:7f00:1::",
        "::127.0.0.1",
        "fec0::1",
    };
    static const char *const outside[] = {
        "1.1.1.1",    "172.32.0.1",  "172.15.0.1",           "192.169.0.1",
        "8.8.8.8",    "100.128.0.1", "2606:4700:4700::1111", "::ffff:1.1.1.1",
        "2002:101::",
    };
    for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++)
        CHECK(is_private(inside[i]));
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
        CHECK(!is_private(outside[i]));
    CHECK(url_is_private("http://[::1]:80/") &&
          url_is_private("http://127.1/") &&
          url_is_private("http://0x7f000001/") &&
          url_is_private("http://localhost/") &&
          !url_is_private("http://1.1.1.1/") &&
          !url_is_private("http://a.test/"));
}

UNIT_MAIN
