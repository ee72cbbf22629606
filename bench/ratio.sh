#!/usr/bin/env bash
# How many times the bare loop's time a packet-hop takes: workloads and bare loops by turns, one core,
# medians; then how a hop's cost and the memory grow with the flows, what an idle connection takes, and how
# much faster a sweep is on all cores, beside programs that share nothing.
#
#   bench/ratio.sh [RUNS]        default: 7 runs, some six minutes
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-7}

executable() { cargo bench --locked -p bench --bench "$1" --no-run 2>&1 | sed -n 's/.*Executable.*(\(.*\))$/\1/p'; }
ours=$(executable workloads)
bare=$(executable bare)
cargo build --release --locked --quiet -p cli
median() { sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }
column() { grep -o "[0-9.]* $1" <<<"$2" | cut -d' ' -f1; }
one_core() { if command -v taskset >/dev/null; then taskset -c 0 "$@"; else "$@"; fi; }

# Workload, the bare loop that it is held against, seconds, target in times (0: none).
rows=(w1:w1:60:6 w2:w1:60:10 w3-sep:w3-sep:10:4 w4-1:w4-1:10:0 w4-10:w4-10:10:0 w4-100:w4-100:10:0
    w4-1000:w4-1000:10:4 w4-10000:w4-10000:2:0)
times=$(mktemp -d)
trap 'rm -r "$times"' EXIT
for _ in $(seq "$runs"); do
    for row in "${rows[@]}"; do
        IFS=: read -r name beside seconds _ <<<"$row"
        line=$(one_core "$ours" "$name@$seconds")
        column ns/hop "$line" >>"$times/$name"
        column MB "$line" >>"$times/$name.memory"
        column ns/hop "$(one_core "$bare" "$beside@$seconds")" >>"$times/$name.bare"
    done
done
printf '%-10s %12s %12s %7s %7s %10s\n' workload ns/hop 'bare ns/hop' times target 'peak MB'
for row in "${rows[@]}"; do
    IFS=: read -r name _ _ target <<<"$row"
    awk -v name="$name" -v a="$(median <"$times/$name")" -v b="$(median <"$times/$name.bare")" -v target="$target" \
        -v memory="$(median <"$times/$name.memory")" \
        'BEGIN { printf "%-10s %12.1f %12.1f %7.1f %7s %10d\n", name, a, b, a / b, target ? target : "", memory }'
done
awk -v one="$(median <"$times/w4-1")" -v most="$(median <"$times/w4-10000")" \
    'BEGIN { printf "from 1 to 10,000 flows a hop takes %.2f times as long (target: at most 3)\n", most / one }'

few=$(column MB "$("$ours" idle-1000)")
many=$(column MB "$("$ours" idle-10000)")
awk -v few="$few" -v many="$many" \
    'BEGIN { printf "an idle connection: %.0f bytes (target: under 8192)\n", (many - few) * 1e6 / 9000 }'

# Twice the sweep on one core, side by side: what the machine's cores give to programs that share nothing.
sweep() { target/release/option30 sweep bench/cores.ron --jobs "$1" --out "$times/sweep-$2" >/dev/null 2>&1; }
on_one() { sweep 1 0; }
on_all() { sweep "$cores" 0; }
side_by_side() {
    for copy in $(seq "$cores"); do sweep 1 "$copy" & done
    wait
}
cores=$(nproc)
for _ in $(seq "$runs"); do
    for way in on_one on_all side_by_side; do
        rm -rf "$times"/sweep-*
        started=$(date +%s%N)
        "$way"
        echo $(($(date +%s%N) - started)) >>"$times/$way"
    done
done
awk -v one="$(median <"$times/on_one")" -v all="$(median <"$times/on_all")" \
    -v beside="$(median <"$times/side_by_side")" -v cores="$cores" 'BEGIN {
    printf "a sweep on %d cores: %.2f times as fast as on one", cores, one / all
    printf "; %d programs side by side, one core each: %.2f times\n", cores, cores * one / beside
}'
