#!/usr/bin/env bash
# The same workloads in ns-3 (the distribution's package) and in option30, interleaved; prints the median
# nanoseconds per packet-hop of both, and their ratio.
#
#   bench/ns3.sh [RUNS [WORKLOAD@SECONDS…]]        default: 3 runs of w1@10 w2@10 w4-100@1
#
# Needs root once, to install ns-3 and g++ (about 200 MB); on another system than Debian or Ubuntu,
# install ns-3's headers and libraries yourself.
set -euo pipefail
cd "$(dirname "$0")/.."

runs=${1:-3}
shift || true
workloads=("$@")
[ ${#workloads[@]} -gt 0 ] || workloads=(w1@10 w2@10 w4-100@1)

if [ ! -e /usr/include/ns3/core-module.h ] || ! command -v g++ >/dev/null; then
    [ "$(id -u)" = 0 ] || { echo "ns-3 is not installed, and only root can install it" >&2; exit 3; }
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libns3-dev g++ >/dev/null
fi

driver=target/ns3-workloads
if [ bench/ns3/workloads.cc -nt "$driver" ]; then
    echo "building the ns-3 driver" >&2
    g++ -std=c++17 -O3 -w bench/ns3/workloads.cc -o "$driver" \
        -lns3-core -lns3-network -lns3-internet -lns3-point-to-point -lns3-applications \
        -lns3-traffic-control -lns3-stats -lns3-bridge
fi
ours=$(cargo bench -p bench --bench workloads --no-run 2>&1 | sed -n 's/.*Executable.*(\(.*\))$/\1/p')

median() { sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }
per_hop() { sed -n 's/.* \([0-9.]*\) ns\/hop.*/\1/p'; }

for workload in "${workloads[@]}"; do
    name=${workload%@*} seconds=${workload#*@}
    theirs_all='' ours_all=''
    for _ in $(seq "$runs"); do
        theirs_line=$("$driver" "$name" "$seconds")
        ours_line=$("$ours" "$workload")
        printf 'ns-3      %s\noption30  %s\n' "$theirs_line" "$ours_line"
        theirs_all+="$(per_hop <<<"$theirs_line")"$'\n'
        ours_all+="$(per_hop <<<"$ours_line")"$'\n'
    done
    awk -v name="$workload" -v a="$(median <<<"${theirs_all%$'\n'}")" -v b="$(median <<<"${ours_all%$'\n'}")" \
        'BEGIN { printf "%s: ns-3 %.0f ns/hop, option30 %.1f ns/hop: %.0f times\n", name, a, b, a / b }'
done
