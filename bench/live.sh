#!/usr/bin/env bash
# How fast the live testbed is on this machine, everything on it: ends, devices, links.
#
#   bench/live.sh [RUNS]                           default: 3 runs of each, interleaved
#
# Prints the best and the median of the runs. Needs what `option30 live` needs, root, iperf3, mptcpize, cc and
# jq. What else the machine does takes its share; what it can do is the best of several runs.
set -euo pipefail
cd "$(dirname "$0")/.."

runs=${1:-3}
[ "$(id -u)" = 0 ] || { echo "the bare loop needs root" >&2; exit 3; }
for program in iperf3 mptcpize cc jq; do
    command -v "$program" >/dev/null || { echo "$program is not installed" >&2; exit 3; }
done

cargo build --release --locked --quiet -p cli
option30=$PWD/target/release/option30
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
cc -O2 -Wall -o "$folder/loop" bench/live/loop.c

# Exit code 1 says that an expectation did not hold: its figure counts like the others.
live() { "$option30" live "bench/live/$1.ron" --format json --out "$folder/results" "${@:2}" || [ $? = 1 ]; }
# Goodput of the connection that carried the most, in Gbps.
gbps() { jq '[.connections[].goodput_mbps] | max / 1000'; }

one_path() { live one-path | gbps; }
iperf3_offload() { live iperf3 | gbps; }
iperf3_single() { live iperf3 --no-offload | gbps; }
bare_loop() { "$folder/loop" | jq '.end.sum_received.bits_per_second / 1e9'; }
three_paths() { live three-paths | jq '.connections[0] | .goodput_mbps / .bound_mbps * 100'; }
idle_p99() { live idle | jq '.connections[0].latency_ms.p99 * 1000 - 201.3'; }

# measures, with what is best of them: more or less.
measures="one_path:more iperf3_offload:more iperf3_single:more bare_loop:more three_paths:more idle_p99:less"
for _ in $(seq "$runs"); do
    for measure in $measures; do
        name=${measure%:*}
        "$name" >>"$folder/$name"
    done
done

show() { # NAME TEXT UNIT
    local order=-n
    case " $measures " in *" $1:more "*) order=-nr ;; esac
    sort "$order" "$folder/$1" | awk -v text="$2" -v unit="$3" \
        '{ all[NR] = $1 } END { printf "%-58s best %6.2f  median %6.2f %s\n", text, all[1], all[int((NR + 1) / 2)], unit }'
}
show one_path "one path through an ASA, content compared" Gbps
show iperf3_offload "the same, iperf3 over MPTCP" Gbps
show iperf3_single "the same, no segmentation offload" Gbps
show bare_loop "bare loop in C, the same iperf3, no offload" Gbps
show three_paths "three paths of 100 Mbps at once, of their bound" %
show idle_p99 "added latency of an idle path, write to read, p99" µs
