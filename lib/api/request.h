/* request: what is asked of an API: URL and body with their blanks filled in.
 *
 * {cursor} is the watermark that reading goes on from, {page} (in bodies) the
 * cursor, offset or number of the page. */
#ifndef API_REQUEST_H
#define API_REQUEST_H

#include "api/options.h"
#include "base/buf.h"

#define API_BODY_MAX ((size_t)16 << 20)

/* Appends uri with the parameters of o. from is the watermark, a JSON scalar,
 * empty where there is none: then a parameter with {cursor} in it is left out,
 * unless o->initial stands in. -1 with ERR_USAGE: {cursor} elsewhere in the
 * URL, and nothing to put there; a secret in the URL. */
int request_url(const struct api_opts *o, const char *uri, struct str from,
                struct buf *out, struct err *e);

/* True if the URL or a parameter depends on the watermark. */
bool request_has_cursor(const struct api_opts *o, const char *uri);

/* Appends the text of --body, or that of its @FILE. */
int request_template(const struct api_opts *o, struct buf *out, struct err *e);

/* Appends the template, {page} and {cursor} replaced by JSON scalars (null
 * where they are empty). *paged (may be NULL): {page} was there. 0 or -1
 * (memory). */
int request_body(const struct api_opts *o, struct str text, struct str from,
                 struct str page, struct buf *out, bool *paged);

#endif
