/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* TCP header flags between bits and names. */
#ifndef PROTO_TCP_FLAGS_H
#define PROTO_TCP_FLAGS_H

#include <stddef.h>
#include <stdint.h>

/* flag, X(NAME) for each FLOW_TCP_NAME: in the order of Hubble's summaries */
#define TCP_FLAGS_SUMMARY(X) X(SYN) X(ACK) X(RST) X(FIN) X(PSH) X(URG) X(ECE) X(CWR) X(NS)
/* and in the order of its message TCPFlags */
#define TCP_FLAGS_MESSAGE(X) X(FIN) X(SYN) X(RST) X(PSH) X(ACK) X(URG) X(ECE) X(CWR) X(NS)

#define TCP_FLAGS_TEXT_MAX 64

/* "SYN, ACK" (summary order); writes text and NUL and returns the end. */
char *tcp_flags_write(char *out, uint16_t flags, const char *separator);
/* One name of `length` bytes, any case. 0 or -EINVAL. */
int tcp_flags_find(const char *name, size_t length, uint16_t *flag);

#endif
