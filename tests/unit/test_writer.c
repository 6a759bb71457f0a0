/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Columns and writers, over a file instead of a terminal. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "flowcli/interrupt.h"
#include "flowcli/sink.h"
#include "flowcli/writer.h"
#include "tests/unit/sample_record.h"

struct paper {
	struct writer writer;
	int fd;
	char text[1 << 16];
};

static void paper_open(struct paper *paper, const struct writer_kind *kind, const char *columns)
{
	char why[128];

	memset(paper, 0, sizeof(*paper));
	paper->fd = memfd_create("paper", 0);
	assert_true(paper->fd >= 0);
	assert_int_equal(output_open(&paper->writer.output, paper->fd), 0);
	paper->writer.kind = kind;
	paper->writer.view.layout = kind->layout;
	if (columns)
		paper->writer.column_count =
			column_resolve(columns, paper->writer.columns, why, sizeof(why));
	assert_true(paper->writer.column_count >= 0);
	assert_int_equal(writer_open(&paper->writer), 0);
}

static const char *paper_read(struct paper *paper)
{
	assert_int_equal(writer_flush(&paper->writer), 0);
	ssize_t length = pread(paper->fd, paper->text, sizeof(paper->text) - 1, 0);
	assert_true(length >= 0);
	paper->text[length] = '\0';
	return paper->text;
}

static void paper_close(struct paper *paper)
{
	writer_close(&paper->writer);
	output_close(paper->writer.output);
	close(paper->fd);
}

static void test_arrows(void **state)
{
	static const struct {
		uint8_t reply;
		const char *middle;
	} table[] = {
		{ FLOW_REPLY_NO, " 10.0.0.1:40000 (unknown) -> 10.0.0.2:80 (unknown) " },
		{ FLOW_REPLY_YES, " 10.0.0.2:80 (unknown) <- 10.0.0.1:40000 (unknown) " },
		{ FLOW_REPLY_UNKNOWN, " 10.0.0.1:40000 (unknown) <> 10.0.0.2:80 (unknown) " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct flow_record record = sample_record();
		struct paper paper;
		record.reply = table[i].reply;
		paper_open(&paper, &writer_compact, NULL);
		paper.writer.kind->record(&paper.writer, &record);
		assert_non_null(strstr(paper_read(&paper), table[i].middle));
		paper_close(&paper);
	}
}

static void test_compact_is_hubbles(void **state)
{
	struct flow_record record = sample_record();
	struct paper paper;

	(void)state;
	record.kind = FLOW_KIND_UPDATE;
	record.end_reason = FLOW_END_NONE;
	record.total_packets = record.packets;
	record.total_bytes = record.bytes;
	paper_open(&paper, &writer_compact, NULL);
	paper.writer.node = true;
	paper.writer.kind->record(&paper.writer, &record);
	assert_string_equal(paper_read(&paper),
			    "May  6 07:08:09.123 [node1]: 10.0.0.1:40000 (unknown) -> 10.0.0.2:80 "
			    "(unknown) from-network FORWARDED (TCP Flags: SYN, ACK, FIN, PSH; "
			    "12 packets 3456 bytes)\n");
	paper_close(&paper);
}

static void test_names_cannot_steer_the_terminal(void **state)
{
	static const struct writer_kind *const kinds[] = { &writer_table, &writer_dict,
							   &writer_csv };
	struct flow_record record = sample_record();

	(void)state;
	record.node_name = "a\033]0;b\007\xc2\x9b\r\n";
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct paper paper;
		paper_open(&paper, kinds[i], "node,packets");
		paper.writer.kind->record(&paper.writer, &record);
		const char *text = paper_read(&paper);
		assert_null(strpbrk(text, "\033\007\r"));
		assert_null(strstr(text, "\xc2\x9b"));
		paper_close(&paper);
	}
}

static void test_table_grows(void **state)
{
	struct flow_record record = sample_record();
	struct paper paper;

	(void)state;
	paper_open(&paper, &writer_table, "source.port,node,bytes");
	paper.writer.kind->record(&paper.writer, &record);
	writer_flush(&paper.writer);
	record.node_name = "a-much-longer-name";
	paper.writer.kind->record(&paper.writer, &record);
	assert_string_equal(paper_read(&paper), "SOURCE_PORT   NODE       BYTES\n"
						"40000         node1      3456\n"
						"40000         a-much-longer-name   3456\n");
	paper_close(&paper);
}

static void test_table_holds_few(void **state)
{
	struct flow_record record = sample_record();
	struct paper paper;
	int lines = 0;

	(void)state;
	paper_open(&paper, &writer_table, "bytes");
	for (int i = 0; i < 1000; i++)
		paper.writer.kind->record(&paper.writer, &record);
	for (const char *at = paper_read(&paper); *at; at++)
		lines += *at == '\n';
	assert_int_equal(lines, 1001);
	paper_close(&paper);
}

static void test_csv_quotes(void **state)
{
	struct flow_record record = sample_record();
	struct paper paper;

	(void)state;
	record.node_name = "a \"b\", c";
	paper_open(&paper, &writer_csv, "node,source.port,end.reason");
	paper.writer.kind->record(&paper.writer, &record);
	assert_string_equal(paper_read(&paper), "node,source.port,end.reason\n"
						"\"a \"\"b\"\", c\",40000,fin\n");
	paper_close(&paper);
}

static void test_every_column_resolves(void **state)
{
	struct column columns[COLUMNS_MAX];
	struct view view = { TIME_RFC3339, { TIME_ZONE_UTC, 0 } };
	struct flow_record record = sample_record();
	char why[128], text[COLUMN_TEXT_MAX];
	size_t count;
	const struct field *fields = field_rows(&count);

	(void)state;
	sample_tunnel(&record, FLOW_TUNNEL_VXLAN, 100);
	record.ends[FLOW_SOURCE] = record.ends[FLOW_DESTINATION] =
		(struct flow_end){ .comm = "curl", .pid = 1 };
	for (const struct column_row *row = column_rows(); row->name; row++) {
		assert_int_equal(column_resolve(row->name, columns, why, sizeof(why)), 1);
		column_format(columns, &view, &record, text, sizeof(text));
		assert_true(*text);
	}
	for (size_t i = 0; i < count; i++)
		assert_int_equal(column_resolve(fields[i].name, columns, why, sizeof(why)), 1);
	for (const struct writer_kind *const *kind = writer_kinds; *kind; kind++)
		if ((*kind)->columns)
			assert_true(column_resolve((*kind)->columns, columns, why, sizeof(why)) >
				    1);
}

static void test_columns_refused(void **state)
{
	static const char *const table[] = { "", "time,", "colour", "time,,node" };
	struct column columns[COLUMNS_MAX];
	char why[128];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		assert_int_equal(column_resolve(table[i], columns, why, sizeof(why)), -EINVAL);
}

static void test_every_format_has_a_name(void **state)
{
	(void)state;
	for (const char *const *name = writer_names; *name; name++)
		assert_non_null(writer_find(*name));
	assert_null(writer_find("yaml"));
}

static void test_reader_gone(void **state)
{
	struct flow_record record = sample_record();
	struct sink sink = { .writer.kind = &writer_json };
	int ends[2];

	(void)state;
	interrupt_ignore_pipe();
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	assert_int_equal(output_open(&sink.writer.output, ends[1]), 0);
	sink_record(&sink, &record);
	assert_false(sink_is_full(&sink));
	assert_int_equal(writer_flush(&sink.writer), -EPIPE);
	assert_true(sink_is_full(&sink));
	assert_int_equal(sink_finish(&sink), 0);
	output_close(sink.writer.output);
	close(ends[1]);
}

static void test_reader_gone_before_a_write(void **state)
{
	struct output *output;
	int ends[2];

	(void)state;
	interrupt_ignore_pipe();
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(output_open(&output, ends[1]), 0);
	assert_int_equal(output_flush(output), 0);
	close(ends[0]);
	assert_int_equal(output_flush(output), -EPIPE);
	output_close(output);
	close(ends[1]);
}

static void test_limit(void **state)
{
	struct flow_record record = sample_record();
	struct paper paper;
	struct sink sink = { .limit = 2, .quiet = true };

	(void)state;
	paper_open(&paper, &writer_json, NULL);
	sink.writer = paper.writer;
	for (int i = 0; i < 5; i++)
		sink_record(&sink, &record);
	assert_int_equal(sink.records, 2);
	assert_true(sink_is_full(&sink));
	assert_int_equal(sink_finish(&sink), 0);
	paper_close(&paper);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arrows),
		cmocka_unit_test(test_compact_is_hubbles),
		cmocka_unit_test(test_names_cannot_steer_the_terminal),
		cmocka_unit_test(test_table_grows),
		cmocka_unit_test(test_table_holds_few),
		cmocka_unit_test(test_csv_quotes),
		cmocka_unit_test(test_every_column_resolves),
		cmocka_unit_test(test_columns_refused),
		cmocka_unit_test(test_every_format_has_a_name),
		cmocka_unit_test(test_reader_gone),
		cmocka_unit_test(test_reader_gone_before_a_write),
		cmocka_unit_test(test_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
