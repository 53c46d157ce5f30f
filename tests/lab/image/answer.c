/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answer NAME PORT[/udp]... - what runs in the containers of the tests.
 *
 * Tells every client, over HTTP or in a datagram, who answers, on which port,
 * and from which address the client was seen to come, and repeats the first
 * line of what was asked. One socket a port serves IPv4 and IPv6. TCP connections stay open, so that a test can see whether an
 * old one survives. Linked statically, because the image holds nothing else
 * but a busybox.
 */

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SOCKETS_MAX = 1024, REQUEST_MAX = 4096, REPEATED_MAX = 64 };

enum kind { KIND_LISTENER, KIND_CONNECTION, KIND_UDP };

static const char *name;
static struct pollfd polled[SOCKETS_MAX];
static enum kind kinds[SOCKETS_MAX];
static nfds_t n_polled;

static void watch(int fd, enum kind kind)
{
	if (n_polled == SOCKETS_MAX) {
		close(fd);
		return;
	}
	polled[n_polled] = (struct pollfd){ .fd = fd, .events = POLLIN };
	kinds[n_polled++] = kind;
}

static void forget(nfds_t i)
{
	close(polled[i].fd);
	n_polled--;
	polled[i] = polled[n_polled];
	kinds[i] = kinds[n_polled];
}

static void open_port(const char *spec)
{
	char *end;
	unsigned long port = strtoul(spec, &end, 10);
	int udp = strcmp(end, "/udp") == 0, one = 1;
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	int fd = socket(AF_INET6, udp ? SOCK_DGRAM : SOCK_STREAM, 0);

	if (fd < 0)
		err(1, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		err(1, "bind %s", spec);
	if (!udp && listen(fd, 128) < 0)
		err(1, "listen %s", spec);
	watch(fd, udp ? KIND_UDP : KIND_LISTENER);
}

/* An IPv4 client of an IPv6 socket is written as what it is. */
static void format_address(const struct sockaddr_in6 *peer, char *text, size_t size)
{
	if (IN6_IS_ADDR_V4MAPPED(&peer->sin6_addr))
		inet_ntop(AF_INET, &peer->sin6_addr.s6_addr[12], text, (socklen_t)size);
	else
		inet_ntop(AF_INET6, &peer->sin6_addr, text, (socklen_t)size);
}

static int write_page(int fd, const struct sockaddr_in6 *peer, char *page, size_t size)
{
	struct sockaddr_in6 local = { 0 };
	socklen_t length = sizeof(local);
	char client[INET6_ADDRSTRLEN];

	getsockname(fd, (struct sockaddr *)&local, &length);
	format_address(peer, client, sizeof(client));
	return snprintf(page, size, "hello from %s port %u, client %s\n", name,
			(unsigned)ntohs(local.sin6_port), client);
}

static int first_line(const char *request, ssize_t size)
{
	int length = 0;

	while (length < size && length < REPEATED_MAX && !strchr("\r\n", request[length]))
		length++;
	return length;
}

static void answer_datagram(int fd)
{
	struct sockaddr_in6 peer = { 0 };
	socklen_t length = sizeof(peer);
	char request[REQUEST_MAX], page[256], response[512];
	ssize_t size = recvfrom(fd, request, sizeof(request), 0, (struct sockaddr *)&peer, &length);
	int filled;

	if (size < 0)
		return;
	write_page(fd, &peer, page, sizeof(page));
	filled = snprintf(response, sizeof(response), "%.*s\n%s", first_line(request, size), request, page);
	sendto(fd, response, (size_t)filled, 0, (struct sockaddr *)&peer, length);
}

/* Returns 0 when the connection is at its end. A request is taken to arrive in one piece. */
static int answer_request(int fd)
{
	struct sockaddr_in6 peer = { 0 };
	socklen_t length = sizeof(peer);
	char request[REQUEST_MAX], page[256], response[512];
	ssize_t asked = recv(fd, request, sizeof(request), 0);
	int size;

	if (asked <= 0 || getpeername(fd, (struct sockaddr *)&peer, &length) < 0)
		return 0;
	size = write_page(fd, &peer, page, sizeof(page));
	size = snprintf(response, sizeof(response),
			"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"
			"X-Request: %.*s\r\n\r\n%s",
			size, first_line(request, asked), request, page);
	return send(fd, response, (size_t)size, MSG_NOSIGNAL) == size;
}

static void serve(nfds_t i)
{
	int fd = polled[i].fd;

	switch (kinds[i]) {
	case KIND_UDP:
		answer_datagram(fd);
		break;
	case KIND_LISTENER:
		fd = accept(fd, NULL, NULL);
		if (fd >= 0)
			watch(fd, KIND_CONNECTION);
		break;
	case KIND_CONNECTION:
		if (!answer_request(fd))
			forget(i);
		break;
	}
}

static void stop(int number)
{
	(void)number;
	_exit(0);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		errx(2, "usage: answer NAME PORT[/udp]...");
	/* As PID 1 of its container it would ignore the signal otherwise. */
	signal(SIGTERM, stop);
	name = argv[1];
	for (int i = 2; i < argc; i++)
		open_port(argv[i]);
	for (;;) {
		if (poll(polled, n_polled, -1) < 0 && errno != EINTR)
			err(1, "poll");
		/* Backwards: forget() fills the hole with the last, which had its turn. */
		for (nfds_t i = n_polled; i-- > 0;)
			if (polled[i].revents)
				serve(i);
	}
}
