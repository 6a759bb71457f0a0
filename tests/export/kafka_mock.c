// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* librdkafka's mock cluster as a process of its own: kafka_mock BROKERS TOPIC PARTITIONS prints the
 * brokers' addresses; `down N` and `up N` on standard input take one away and bring it back. */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	char fault[512], line[256];
	rd_kafka_t *client;
	rd_kafka_mock_cluster_t *cluster;

	if (argc != 4)
		return 2;
	client = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), fault, sizeof(fault));
	cluster = rd_kafka_mock_cluster_new(client, atoi(argv[1]));
	rd_kafka_mock_topic_create(cluster, argv[2], atoi(argv[3]), 1);
	printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (!strncmp(line, "down ", 5))
			rd_kafka_mock_broker_set_down(cluster, atoi(line + 5));
		else if (!strncmp(line, "up ", 3))
			rd_kafka_mock_broker_set_up(cluster, atoi(line + 3));
		printf("done\n");
		fflush(stdout);
	}
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(client);
	return 0;
}
