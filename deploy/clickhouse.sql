-- SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
-- The table behind `export: - {type: http, preset: clickhouse}`: a column for each field of the
-- format "flat". Written for ClickHouse 18.16 and later. What arrives twice has the same id and is
-- merged away in time. SELECT ... FROM flows FINAL, or uniqExact(id), does not wait for that.
CREATE TABLE IF NOT EXISTS flows (
  time DateTime,
  time_ms UInt64,
  id String,
  node String,
  kind String,
  verdict String,
  source_ip String,
  source_port UInt16,
  destination_ip String,
  destination_port UInt16,
  protocol UInt8,
  protocol_name String,
  packets UInt64,
  bytes UInt64,
  total_packets UInt64,
  total_bytes UInt64,
  first_seen_ms UInt64,
  last_seen_ms UInt64,
  tcp_flags String,
  end_reason String,
  drop_reason String,
  dropped UInt64,
  retransmits UInt32,
  rtt_ms UInt32,
  direction String,
  interface String,
  icmp_type UInt8,
  icmp_code UInt8,
  sampling UInt32,
  flow_id UInt64
) ENGINE = ReplacingMergeTree()
PARTITION BY toYYYYMMDD(time)
ORDER BY (node, time, id)
