#!/usr/bin/env bash
# Instructions per packet-hop of the workloads, and per operation of the parts, counted by valgrind: they
# do not depend on how busy the machine is. Fails when one is more than 5 % above bench/instructions.txt.
#
#   bench/instructions.sh             compare
#   bench/instructions.sh --keep      write bench/instructions.txt anew
#
# What would differ from machine to machine is pinned: libc is kept from choosing its routines by the
# processor's features, and valgrind shows programs a processor of its own. Another release of the
# compiler changes the counts; then they are kept anew.
set -euo pipefail
cd "$(dirname "$0")/.."

kept=bench/instructions.txt
# Each at two lengths, of which the difference counts: start-up is left out.
workloads=(w1@1@3 w2@1@3 w3-shared@0.1@0.2 w4-100@0.1@0.3)
parts=(event-queue-16@20000@120000 event-queue-4000@20000@120000 option-read@20000@120000
    option-edit@20000@120000 device-pass-switch@5000@25000 device-pass-asa@5000@25000
    endpoint-step@5000@25000)

if ! command -v valgrind >/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        { apt-get update -qq &&
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends valgrind >/dev/null; } || true
    fi
    command -v valgrind >/dev/null || { echo "valgrind cannot be installed here: instructions are not counted" >&2; exit 0; }
fi

executable() { cargo bench --locked -p bench --bench "$1" --no-run 2>&1 | sed -n 's/.*Executable.*(\(.*\))$/\1/p'; }

# Prints instructions and hops (or operations) of one run.
count() {
    local report
    report=$(GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-ERMS,-FSRM,-SSE4_2,-SSSE3 \
        valgrind --tool=callgrind --callgrind-out-file=/dev/null "$1" "$2" 2>&1)
    local instructions hops
    instructions=$(sed -n 's/.*Collected : \([0-9]*\).*/\1/p' <<<"$report")
    hops=$(sed -n 's/.* \([0-9]*\) hops.*/\1/p; s/.* \([0-9]*\) times.*/\1/p' <<<"$report")
    [ -n "$instructions" ] && [ -n "$hops" ] || { echo "$2 did not run: $report" >&2; exit 1; }
    echo "$instructions $hops"
}

measure() {
    local binary=$1 name short long a b
    shift
    for word in "$@"; do
        IFS=@ read -r name short long <<<"$word"
        a=$(count "$binary" "$name@$short")
        b=$(count "$binary" "$name@$long")
        awk -v name="$name" -v a="$a" -v b="$b" 'BEGIN {
            split(a, x, " "); split(b, y, " ")
            printf "%-20s %10.1f\n", name, (y[1] - x[1]) / (y[2] - x[2])
        }'
    done
}

came=$(measure "$(executable workloads)" "${workloads[@]}"; measure "$(executable parts)" "${parts[@]}")
if [ "${1:-}" = --keep ]; then
    { echo "# Instructions per packet-hop or operation; written by bench/instructions.sh --keep"; echo "$came"; } >"$kept"
fi
awk '
    /^#/ { next }
    FNR == NR { kept[$1] = $2; next }
    {
        change = ($1 in kept) ? ($2 / kept[$1] - 1) * 100 : 0
        printf "%-20s %10.1f instructions  %+6.1f %%\n", $1, $2, change
        if (!($1 in kept)) { print $1 " is not in the baseline"; bad = 1 }
        if (change > 5) bad = 1
        if (change < -5) better = 1
    }
    END {
        if (better) print "Some need fewer than was kept: bench/instructions.sh --keep keeps that."
        if (bad) { print "More than 5 % above what was kept: a regression, or a baseline to be kept anew."; exit 1 }
    }' "$kept" - <<<"$came"
