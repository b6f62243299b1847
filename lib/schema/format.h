/* format: the values of the keyword format that are asserted.
 *
 * date, date-time, time, duration (RFC 3339), email (RFC 5321 section 4.1.2),
 * idn-email (RFC 6531), hostname (RFC 1123 section 2.1), idn-hostname (RFC 5890
 * to 5893), ipv4 (RFC 2673 section 3.2), ipv6 (RFC 4291 section 2.2), uri and
 * uri-reference (RFC 3986), iri and iri-reference (RFC 3987), uri-template (RFC
 * 6570), uuid (RFC 4122), json-pointer (RFC 6901), relative-json-pointer,
 * regex (ECMA-262, flag u). */
#ifndef SCHEMA_FORMAT_H
#define SCHEMA_FORMAT_H

#include "base/str.h"

enum format {
    FORMAT_NONE,
    FORMAT_DATE,
    FORMAT_DATE_TIME,
    FORMAT_TIME,
    FORMAT_EMAIL,
    FORMAT_IPV4,
    FORMAT_IPV6,
    FORMAT_UUID,
    FORMAT_DURATION,
    FORMAT_HOSTNAME,
    FORMAT_IDN_EMAIL,
    FORMAT_IDN_HOSTNAME,
    FORMAT_IRI,
    FORMAT_IRI_REFERENCE,
    FORMAT_JSON_POINTER,
    FORMAT_REGEX,
    FORMAT_RELATIVE_JSON_POINTER,
    FORMAT_URI,
    FORMAT_URI_REFERENCE,
    FORMAT_URI_TEMPLATE,
    FORMAT_N
};

/* The format of that name; FORMAT_NONE where it is not asserted. */
enum format format_find(struct str name);

/* Its name. */
const char *format_name(enum format f);

/* True if text is of the format. */
bool format_ok(enum format f, struct str text);

/* ---- hosts: format_host.c */

/* An IPv4 or IPv6 address: family is AF_INET or AF_INET6. */
bool is_address(int family, struct str s);

/* A host name of ASCII; with labels that are encoded (xn--), their meaning too
 * only in is_hostname. */
bool is_domain(struct str s);
bool is_hostname(struct str s);

/* A host name of U-labels and others. Unless normal, labels need not be in
 * normal form C. */
bool is_idn_hostname(struct str s, bool normal);

bool is_email(struct str s, bool idn);

/* ---- references: format_uri.c */

/* A URI, or (iri) an IRI; a relative one too, if relative. */
bool is_uri(struct str s, bool iri, bool relative);

bool is_uri_template(struct str s);

#endif
