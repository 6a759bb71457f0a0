/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/xdp_features.h"

#include <linux/genetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <string.h>

/* linux/netdev.h of 6.3 and later */
#define NETDEV_FAMILY		 "netdev"
#define NETDEV_VERSION		 1
#define NETDEV_DEV_GET		 1
#define NETDEV_ATTR_IFINDEX	 1
#define NETDEV_ATTR_XDP_FEATURES 3
#define NETDEV_ATTR_LAST	 16
#define NETDEV_XDP_FEATURE_BASIC 1

struct xdp_answer {
	int attribute; /* wanted, as an unsigned number of 2 or 8 bytes */
	int found;
	uint64_t value;
};

static int xdp_features_visit(struct nl_msg *message, void *context)
{
	struct xdp_answer *answer = context;
	struct nlattr *attrs[NETDEV_ATTR_LAST + 1], *wanted;

	if (nlmsg_parse(nlmsg_hdr(message), GENL_HDRLEN, attrs, NETDEV_ATTR_LAST, NULL))
		return NL_OK;
	wanted = attrs[answer->attribute];
	if (!wanted)
		return NL_OK;
	answer->value = nla_len(wanted) == 2 ? nla_get_u16(wanted) : nla_get_u64(wanted);
	answer->found = 1;
	return NL_OK;
}

static struct nl_msg *xdp_features_request(uint16_t family, uint8_t command, uint8_t version)
{
	const struct genlmsghdr generic = { .cmd = command, .version = version };
	struct nl_msg *message = nlmsg_alloc_simple(family, NLM_F_REQUEST);

	if (message && nlmsg_append(message, (void *)&generic, sizeof(generic), NLMSG_ALIGNTO)) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

/* Sends the request, takes the answer; frees the request. */
static int xdp_features_ask(struct nl_sock *socket, struct nl_msg *request,
			    struct xdp_answer *answer)
{
	int code =
		nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, xdp_features_visit, answer);

	if (code >= 0)
		code = nl_send_auto(socket, request);
	nlmsg_free(request);
	if (code >= 0)
		code = nl_recvmsgs_default(socket);
	return code < 0 || !answer->found ? -1 : 0;
}

static int xdp_features_family(struct nl_sock *socket, uint16_t *family)
{
	struct nl_msg *request = xdp_features_request(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	struct xdp_answer answer = { .attribute = CTRL_ATTR_FAMILY_ID };

	if (!request)
		return -1;
	nla_put_string(request, CTRL_ATTR_FAMILY_NAME, NETDEV_FAMILY);
	if (xdp_features_ask(socket, request, &answer))
		return -1;
	*family = (uint16_t)answer.value;
	return 0;
}

static int xdp_features_query(struct nl_sock *socket, uint32_t ifindex)
{
	struct xdp_answer answer = { .attribute = NETDEV_ATTR_XDP_FEATURES };
	struct nl_msg *request;
	uint16_t family;

	if (nl_connect(socket, NETLINK_GENERIC) || xdp_features_family(socket, &family))
		return -1;
	request = xdp_features_request(family, NETDEV_DEV_GET, NETDEV_VERSION);
	if (!request)
		return -1;
	nla_put_u32(request, NETDEV_ATTR_IFINDEX, ifindex);
	if (xdp_features_ask(socket, request, &answer))
		return -1;
	return answer.value & NETDEV_XDP_FEATURE_BASIC ? 1 : 0;
}

int xdp_features_native(uint32_t ifindex)
{
	struct nl_sock *socket = nl_socket_alloc();
	int native;

	if (!socket)
		return -1;
	nl_socket_disable_auto_ack(socket);
	native = xdp_features_query(socket, ifindex);
	nl_socket_free(socket);
	return native;
}
