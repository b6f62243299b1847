/* upload: an object written in parts, of which nobody sees anything before it
 * is complete (multipart upload).
 *
 * What is needed to complete it can be kept as a receipt, a JSON object, by
 * which another process can do so too:
 *     {"key":"a/b","upload":"ID","size":12,"parts":["\"ETAG\"",...]}
 * Memory is that of one part. Not thread-safe. */
#ifndef S3_UPLOAD_H
#define S3_UPLOAD_H

#include "json/value.h"
#include "s3/client.h"

#include <stdint.h>

#define UPLOAD_PART ((size_t)8 << 20) /* bytes; S3 wants 5 MiB at least */
#define UPLOAD_PARTS_MAX 640          /* S3 takes 10000: 5 GiB are enough */
#define UPLOAD_MAX (UPLOAD_PART * UPLOAD_PARTS_MAX)

struct upload;

/* Begins one; load (borrowed for the call) goes into the object's metadata, as
 * x-amz-meta-pipe-load. s is borrowed until upload_close. 0 with *u owned; -1
 * as s3_ask. */
int upload_open(struct upload **u, struct s3 *s, struct str key,
                struct str load, struct err *e);

/* Appends bytes; sends a part when it is full. -1 as s3_ask. */
int upload_write(struct upload *u, struct str bytes, struct err *e);

/* Sends the last part; nothing may be written behind it. Its memory is freed.
 * An upload must have a byte at least. */
int upload_end(struct upload *u, struct err *e);

/* Bytes written so far. */
uint64_t upload_size(const struct upload *u);

/* Appends the receipt of an upload that was ended. 0 or -1 (memory). */
int upload_receipt(const struct upload *u, struct buf *out);

/* Completes the upload of a receipt, which may be done already. -1 as s3_ask;
 * ERR_DATA where the receipt is none, ERR_CONFIG where the upload is gone and
 * so is the object. */
int upload_complete(struct s3 *s, struct val receipt, struct err *e);

/* Gives it up: what was sent is dropped, as far as the server can be reached.
 * Not for what is or may be completed. */
void upload_abort(struct upload *u);

void upload_close(struct upload *u); /* NULL is fine */

#endif
