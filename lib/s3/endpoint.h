/* endpoint: where a bucket is: at which host, and at which path there.
 *
 * Amazon's is https://BUCKET.s3.REGION.amazonaws.com/KEY (virtual-hosted
 * style). Path style, https://HOST/BUCKET/KEY, is what is used where that name
 * would not work: an address or localhost as host, a bucket with a dot in its
 * name, over TLS, whose certificate is for one more name only. */
#ifndef S3_ENDPOINT_H
#define S3_ENDPOINT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

struct endpoint {
    struct buf origin; /* owned: "https://host:port" */
    struct buf host;   /* owned: as the header has it */
    struct buf path;   /* owned: what stands before "/KEY", not encoded */
    bool amazon;       /* no URL was given: the region is in the name */
};

/* url NULL: Amazon's. 0; -1 with ERR_USAGE for a URL that is none of a server
 * (no http:// or https://, with a query, a user or a password), and for what
 * is no name of a bucket. Freed with endpoint_free, also after a failure. */
int endpoint_init(struct endpoint *p, const char *url, struct str region,
                  struct str bucket, bool path_style, struct err *e);
void endpoint_free(struct endpoint *p);

#endif
