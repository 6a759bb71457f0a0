#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Traffic for quickstart.sh, one round a second until it is killed, or `traffic.sh once`. Runs
# inside the namespace of the pod "client"; the addresses are those quickstart.sh gives out.
set -u

web4=10.99.0.2 web6=fd99::2 node4=10.99.0.1
refused_port=81 dropped_port=82

fetch() {
	curl --silent --output /dev/null --max-time 2 "$1"
}

ask() {
	drill -u "@$node4" "$1" "$2" >/dev/null
}

# A connection that should not come about.
knock() {
	curl --silent --output /dev/null --connect-timeout 0.5 "http://$web4:$1/" && return 1
	return 0
}

round() {
	local failed=0
	ask web.demo.test A || failed=1
	fetch "http://$web4/" || failed=1
	ask web.demo.test AAAA || failed=1
	fetch "http://[$web6]/" || failed=1
	ask nowhere.demo.test A || failed=1 # NXDOMAIN
	ping -q -c 1 -W 2 "$web4" >/dev/null || failed=1
	ping -q -c 1 -W 2 "$web6" >/dev/null || failed=1
	knock $refused_port || failed=1
	knock $dropped_port || failed=1
	return $failed
}

if [ "${1:-}" = once ]; then
	round
	exit
fi
while :; do
	round
	sleep 1
done
