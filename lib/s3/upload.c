#include "s3/upload.h"

#include "s3/object.h"
#include "s3/xml.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define GONE_LOOKS 8
#define GONE_NAP_US 250000

struct upload {
    struct s3 *s; /* borrowed */
    struct buf key, id;
    char *part;       /* owned: UPLOAD_PART bytes; NULL once ended */
    size_t n;         /* of it in use */
    struct buf etags; /* "\"a\"","\"b\"" of the parts sent */
    unsigned parts;
    uint64_t size;
};

void upload_close(struct upload *u)
{
    if (!u)
        return;
    buf_free(&u->key);
    buf_free(&u->id);
    buf_free(&u->etags);
    free(u->part);
    free(u);
}

/* ---- beginning */

/* Appends the text of the element of that name. */
static int find_text(struct str answer, const char *name, struct buf *out,
                     struct err *e)
{
    struct xml x;
    struct xml_node node;
    int r;
    xml_init(&x, answer);
    while ((r = xml_next(&x, &node, e)) > 0)
        if (node.event == XML_CLOSE && str_eq(node.name, str_of(name)) &&
            buf_add_str(out, node.text)) {
            r = err_nomem(e);
            break;
        }
    xml_free(&x);
    if (r == 0 && !out->n)
        r = err_set(e, ERR_DATA, "the answer has no %s", name);
    return r;
}

static int initiate(struct upload *u, struct str load, struct err *e)
{
    const struct sigv4_pair query = { STR("uploads"), STR("") };
    const struct sigv4_pair headers[] = {
        { STR("content-type"), STR("application/octet-stream") },
        { STR("x-amz-meta-pipe-load"), load },
    };
    const struct s3_request r = { .method = "POST",
                                  .key = buf_str(&u->key),
                                  .query = &query,
                                  .n_query = 1,
                                  .headers = headers,
                                  .n_headers = 2,
                                  .body = STR("") };
    struct s3_answer a = { 0 };
    int done = s3_ask(u->s, &r, &a, e);
    if (done == 0)
        done = find_text(buf_str(&a.body), "UploadId", &u->id, e);
    s3_answer_free(&a);
    return done;
}

int upload_open(struct upload **up, struct s3 *s, struct str key,
                struct str load, struct err *e)
{
    struct upload *u = calloc(1, sizeof(*u));
    if (u) {
        u->s = s;
        u->part = malloc(UPLOAD_PART);
    }
    if (!u || !u->part || buf_add_str(&u->key, key)) {
        upload_close(u);
        return err_nomem(e);
    }
    if (initiate(u, load, e)) {
        upload_close(u);
        return -1;
    }
    *up = u;
    return 0;
}

/* ---- parts */

static int send_part(struct upload *u, struct err *e)
{
    char number[16];
    snprintf(number, sizeof(number), "%u", u->parts + 1);
    const struct sigv4_pair query[] = {
        { STR("partNumber"), str_of(number) },
        { STR("uploadId"), buf_str(&u->id) },
    };
    const struct s3_request r = { .method = "PUT",
                                  .key = buf_str(&u->key),
                                  .query = query,
                                  .n_query = 2,
                                  .body = { u->part, u->n } };
    struct s3_answer a = { 0 };
    int done = s3_ask(u->s, &r, &a, e);
    if (done == 0 && !a.etag[0])
        done = err_set(e, ERR_DATA, "a part was written without an ETag");
    if (done == 0) {
        if (u->parts)
            buf_addc(&u->etags, ',');
        done = json_quote(&u->etags, str_of(a.etag)) ? err_nomem(e) : 0;
        u->parts++;
        u->n = 0;
    }
    s3_answer_free(&a);
    return done;
}

int upload_write(struct upload *u, struct str s, struct err *e)
{
    while (s.n) {
        size_t room = UPLOAD_PART - u->n, take = s.n < room ? s.n : room;
        /* Not before more comes, so that there is a last part to send. */
        if (room == 0) {
            if (send_part(u, e))
                return -1;
            continue;
        }
        memcpy(u->part + u->n, s.p, take);
        u->n += take;
        u->size += take;
        s = (struct str){ s.p + take, s.n - take };
    }
    return 0;
}

int upload_end(struct upload *u, struct err *e)
{
    if (u->n == 0)
        return err_set(e, ERR_BUG, "an upload without a byte");
    if (send_part(u, e))
        return -1;
    free(u->part);
    u->part = NULL;
    return 0;
}

uint64_t upload_size(const struct upload *u)
{
    return u->size;
}

void upload_abort(struct upload *u)
{
    const struct sigv4_pair query = { STR("uploadId"), buf_str(&u->id) };
    const struct s3_request r = { .method = "DELETE",
                                  .key = buf_str(&u->key),
                                  .query = &query,
                                  .n_query = 1 };
    struct s3_answer a = { 0 };
    struct err ignored = { 0 };
    (void)s3_ask(u->s, &r, &a, &ignored);
    s3_answer_free(&a);
}

/* ---- completing */

int upload_receipt(const struct upload *u, struct buf *out)
{
    buf_addz(out, "{\"key\":");
    json_quote(out, buf_str(&u->key));
    buf_addz(out, ",\"upload\":");
    json_quote(out, buf_str(&u->id));
    buf_addf(out, ",\"size\":%" PRIu64 ",\"parts\":[", u->size);
    buf_add_str(out, buf_str(&u->etags));
    return buf_addz(out, "]}");
}

static void add_xml(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        switch (text.p[i]) {
        case '&': buf_addz(out, "&amp;"); break;
        case '<': buf_addz(out, "&lt;"); break;
        case '>': buf_addz(out, "&gt;"); break;
        case '"': buf_addz(out, "&quot;"); break;
        default: buf_addc(out, text.p[i]);
        }
}

static int add_string(struct buf *out, struct val v)
{
    struct buf scratch = { 0 };
    struct str text;
    int r = v.type == JSON_STRING ? json_string(v, &scratch, &text) : -1;
    if (r == 0)
        r = buf_add_str(out, text);
    buf_free(&scratch);
    return r;
}

static int add_parts(struct buf *out, struct val parts)
{
    struct buf etag = { 0 };
    struct json_iter it = json_iter(parts.raw);
    struct str none;
    struct val v;
    unsigned n = 0;
    int r = parts.type == JSON_ARRAY ? 0 : -1;
    buf_addz(out, "<CompleteMultipartUpload>");
    while (r == 0 && json_next(&it, &none, &v)) {
        buf_reset(&etag);
        r = add_string(&etag, v);
        buf_addf(out, "<Part><PartNumber>%u</PartNumber><ETag>", ++n);
        add_xml(out, buf_str(&etag));
        buf_addz(out, "</ETag></Part>");
    }
    buf_addz(out, "</CompleteMultipartUpload>");
    buf_free(&etag);
    return r || n == 0 || out->failed ? -1 : 0;
}

/* An upload that is not there any more was completed, if its object is. One
 * that another process completes at this moment may be neither for a while. */
static int judge_gone(struct s3 *s, struct str key, struct err *e)
{
    struct object_info info;
    int there = 0;
    for (int i = 0; i < GONE_LOOKS && there == 0; i++) {
        if (i)
            usleep(GONE_NAP_US);
        there = object_head(s, key, &info, e);
    }
    return there == 0 ? err_set(e, ERR_CONFIG,
                                "the upload of '%.*s' is gone, its parts were "
                                "dropped before it was complete",
                                STR_ARG(key))
                      : there - 1;
}

/* NoSuchUpload; other servers have other names for it. */
static bool is_gone(const struct s3_answer *a)
{
    return (a->status == 404 && strcmp(a->code, "NoSuchBucket") != 0) ||
           strcmp(a->code, "InvalidPart") == 0;
}

int upload_complete(struct s3 *s, struct val receipt, struct err *e)
{
    struct buf key = { 0 }, id = { 0 }, body = { 0 };
    struct s3_answer a = { 0 };
    struct err why = { 0 };
    int done = 0;
    if (receipt.type != JSON_OBJECT ||
        add_string(&key, json_get(receipt, STR("key"))) ||
        add_string(&id, json_get(receipt, STR("upload"))) ||
        add_parts(&body, json_get(receipt, STR("parts"))))
        done = err_set(e, ERR_DATA, "that is no receipt of an upload");
    const struct sigv4_pair query = { STR("uploadId"), buf_str(&id) };
    const struct s3_request r = { .method = "POST",
                                  .key = buf_str(&key),
                                  .query = &query,
                                  .n_query = 1,
                                  .body = buf_str(&body) };
    if (done == 0 && s3_ask(s, &r, &a, &why)) {
        done = -1;
        if (is_gone(&a))
            done = judge_gone(s, buf_str(&key), e);
        else
            *e = why;
    }
    s3_answer_free(&a);
    buf_free(&key);
    buf_free(&id);
    buf_free(&body);
    return done;
}
