/* credentials: who we are to S3, found where AWS's own tools look.
 *
 *   the environment   AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, where they
 *                     are temporary, AWS_SESSION_TOKEN
 *   a file            $AWS_SHARED_CREDENTIALS_FILE, else the credential
 *                     aws-credentials of a systemd unit
 *                     ($CREDENTIALS_DIRECTORY), else ~/.aws/credentials, in the
 *                     profile AWS_PROFILE or "default"
 *
 * Messages name places, never what is in them. */
#ifndef S3_CREDENTIALS_H
#define S3_CREDENTIALS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Owned; token empty where there is none. */
struct credentials {
    struct str access, secret, token;
};

/* Fills c, freed with credentials_free. -1 with ERR_CONFIG (there are none, or
 * half of them, or what can be none), ERR_NOPERM (a file that others may
 * read), ERR_IO. */
int credentials_find(struct credentials *c, struct err *e);

/* Wipes and frees. */
void credentials_free(struct credentials *c);

/* Appends the value of a key of the profile's section in $AWS_CONFIG_FILE, else
 * ~/.aws/config ("region", "endpoint_url"); nothing where there is none. 0 or
 * -1 (memory, ERR_IO). */
int credentials_config(const char *key, struct buf *out, struct err *e);

#endif
