/* url: what is to be known of a URL, as the library that connects reads it.
 *
 * Two parsers of one URL are a hole: what is judged here must be what is
 * connected to, so all of it is asked of libcurl. Each function may fail with
 * ERR_UNAVAILABLE where that is not installed. Thread-safe. */
#ifndef HTTP_URL_H
#define HTTP_URL_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

/* 0 for an absolute http:// or https:// URL with a host and without user name
 * and password; -1 with ERR_USAGE. */
int url_check(const char *url, struct err *e);

/* Appends what `reference` means in a document at `base`: an absolute URL
 * without a fragment. -1 with ERR_DATA (not a URL, none of HTTP, or one with
 * user name and password). */
int url_resolve(const char *base, struct str reference, struct buf *out,
                struct err *e);

/* Appends "https://host:port", in lower case and with the port always there:
 * two URLs are of one origin (RFC 6454) if these are equal. */
int url_origin(const char *url, struct buf *out, struct err *e);

/* Sets *same. */
int url_same_origin(const char *a, const char *b, bool *same, struct err *e);

/* Appends the URL for messages and records: without fragment, user and
 * password, and with *** for the values of parameters that by their names are
 * secret (token, api_key, signature ...). 0 or -1 (memory). */
int url_show(const char *url, struct buf *out);

/* True if the query gives a value to the parameter `name` (in lower case), in
 * whatever case and encoding it stands there. */
bool url_has_param(const char *url, struct str name);

/* True if its host is an address as of http/address.h, or "localhost". */
bool url_is_private(const char *url);

/* Appends s percent-encoded: all but unreserved characters (RFC 3986, section
 * 2.3). 0 or -1. */
int url_encode(struct buf *out, struct str s);

/* Appends url with the query's parameter `name` set to value (both are encoded
 * here), without a fragment: one of that name there already is taken out, and
 * that is all where value.p is NULL. 0 or -1 (memory). */
int url_set_param(const char *url, struct str name, struct str value,
                  struct buf *out);

#endif
