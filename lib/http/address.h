/* address: is this one of a network that only we can see?
 *
 * A URL that came from a server may name a host whose address is that of a
 * service behind our firewall (server-side request forgery). So addresses are
 * judged when a socket is about to be opened to them, behind all look-ups of
 * names. Thread-safe. */
#ifndef HTTP_ADDRESS_H
#define HTTP_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* True for what is not a unicast address of the public internet: loopback,
 * link-local, private, shared, multicast, reserved (RFC 6890), also where IPv6
 * wraps such an IPv4 address (mapped, NAT64, 6to4), and other families. */
bool address_is_private(const struct sockaddr *a);

#endif
