/* auth: credentials for an HTTP API, as headers or a parameter.
 *
 * Secrets come from env:NAME, file:PATH or netrc (base/secret.h) and are in no
 * message. Over plain HTTP they are shown to nobody unless private networks
 * are allowed. OAuth 2 tokens (client credentials, RFC 6749, section 4.4) are
 * fetched when they are needed, and anew shortly before they expire and when
 * the server does not take one any more. One thread. */
#ifndef API_AUTH_H
#define API_AUTH_H

#include "api/options.h"
#include "http/fetch.h"

struct auth;

/* For requests to url. o and manners (the retries and limits, for requests of
 * tokens) are borrowed until auth_close. 0 with *a owned (NULL: there is
 * nothing to show); ERR_USAGE, ERR_CONFIG, ERR_NOPERM as secret_read. */
int auth_open(struct auth **a, const struct api_opts *o, const char *url,
              const struct fetch_opts *manners, struct err *e);
void auth_close(struct auth *a); /* NULL is fine; wipes */

/* Enters itself into the options of a fetcher. NULL is fine. */
void auth_use(struct auth *a, struct fetch_opts *opts);

#endif
