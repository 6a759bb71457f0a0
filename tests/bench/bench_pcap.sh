#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# bench_pcap.sh [BUILD [ROUNDS [PACKETS [FLOWS]]]]: packets/s from a capture file to flow records, beside
# softflowd and tcpdump on the same file in the same run. The programs take turns, so that a busy moment
# of the machine meets all of them; medians are printed, and ratios of medians. softflowd exports to a
# closed port of the loopback interface. The goal is three times softflowd's rate.
set -eu

source=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$source/build}
rounds=${2:-7}
packets=${3:-1000000}
flows=${4:-100000}
flowcli=$build/flowcli/flowcli
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

"$build/tests/bench/make_pcap" "$work/capture" "$packets" "$flows"

run_flowcli_json() { "$flowcli" observe --pcap "$work/capture" -o json; }
run_flowcli_compact() { "$flowcli" observe --pcap "$work/capture" -o compact; }
run_softflowd() { softflowd -d -r "$work/capture" -n 127.0.0.1:9; }
run_tcpdump() { tcpdump -r "$work/capture" -w /dev/null; }

all="flowcli_json flowcli_compact softflowd tcpdump"
programs=
for program in $all; do
	case $program in
	flowcli_*) command=$flowcli ;;
	*) command=$program ;;
	esac
	if command -v "$command" >/dev/null; then
		programs="$programs $program"
	else
		echo "$program: not measured, $command is not installed"
	fi
done

round=0
while [ "$round" -lt "$rounds" ]; do
	for program in $programs; do
		begin=$(date +%s%N)
		"run_$program" >/dev/null 2>"$work/errors" || {
			echo "$program failed:"
			cat "$work/errors"
			exit 1
		}
		echo "$program $(($(date +%s%N) - begin))" >>"$work/times"
	done
	round=$((round + 1))
done

echo "$packets packets of $flows flows, $rounds rounds in turn, medians:"
sort -k1,1 -k2,2n "$work/times" | awk -v packets="$packets" '
	{ times[$1, ++count[$1]] = $2 }
	END {
		for (program in count) {
			middle = int((count[program] + 1) / 2)
			rate[program] = packets * 1000 / times[program, middle]
		}
		n = split("'"$all"'", order, " ")
		for (i = 1; i <= n; i++)
			if (order[i] in rate)
				printf "%-16s %7.2f M packets/s %8.2f x softflowd\n", order[i], rate[order[i]],
					rate["softflowd"] ? rate[order[i]] / rate["softflowd"] : 0
	}'
