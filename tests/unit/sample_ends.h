/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ends of records for the tests of proto/: a pod with everything, and the world. */
#ifndef TESTS_SAMPLE_ENDS_H
#define TESTS_SAMPLE_ENDS_H

#include "tests/unit/sample_record.h"

static const struct flow_endpoint sample_pod = {
	.text = { [ENDPOINT_CLUSTER] = "east",
		  [ENDPOINT_NAMESPACE] = "shop",
		  [ENDPOINT_POD] = "shop/web-0",
		  [ENDPOINT_POD_UID] = "7c1e3a52-aaaa-4bbb-8ccc-0123456789ab",
		  [ENDPOINT_WORKLOAD] = "Deployment/web",
		  [ENDPOINT_SERVICE] = "shop/front",
		  [ENDPOINT_NODE] = "node-a",
		  [ENDPOINT_CONTAINER_ID] = "0123456789abcdef",
		  [ENDPOINT_CONTAINER_NAME] = "httpd",
		  [ENDPOINT_IMAGE] = "localhost/bb:2",
		  [ENDPOINT_RUNTIME] = "containerd",
		  [ENDPOINT_UNIT] = "nginx.service",
		  [ENDPOINT_CGROUP] = "/kubepods/x",
		  [ENDPOINT_HOST] = "printer",
		  [ENDPOINT_COUNTRY] = "DE",
		  [ENDPOINT_AS_NAME] = "Example \"AS\"" },
	.labels = "k8s:app=web\0container:maintainer",
	.label_count = 2,
	.id = 12,
	.identity = 1234,
	.asn = 64500,
	.netns = 4026532000,
	.cgroup_id = 5000000000ull,
};
static const struct flow_endpoint sample_world = { .labels = "reserved:world",
						   .label_count = 1,
						   .identity = IDENTITY_WORLD };

/* curl in the pod to somewhere outside, source address translated. */
static inline struct flow_record sample_named(void)
{
	struct flow_record record = sample_record();
	int version;

	record.ends[FLOW_SOURCE] = (struct flow_end){ .endpoint = &sample_pod,
						      .comm = "curl",
						      .pid = 4711,
						      .uid = 1000,
						      .xlated_port = 61000,
						      .is_xlated = END_XLATED_SHOWN,
						      .from = IDENTITY_FROM_SOCKET };
	address_parse("192.0.2.7", record.ends[FLOW_SOURCE].xlated, &version);
	record.ends[FLOW_DESTINATION] = (struct flow_end){ .endpoint = &sample_world,
							   .from = IDENTITY_FROM_RESERVED,
							   .missing = IDENTITY_MISSING_REMOTE };
	record.socket_cookie = 77;
	return record;
}

#endif
