#!/bin/sh
# A sweep on several machines with GNU parallel: as many parts as PARTS says, each on the next machine
# that is free. The folder must be one that all machines share.
#
#   ./parallel.sh loss.ron /shared/results            on this machine
#   ./parallel.sh loss.ron /shared/results --sshloginfile machines --workdir .
#
# Started again, it goes on with what is missing.
set -eu
file=$1
out=$2
shift 2
parts=${PARTS:-8}
option30=${OPTION30:-option30}

seq "$parts" | parallel "$@" --jobs "${JOBS:-1}" --retries 3 --halt never \
    "$option30" sweep "$file" --out "$out" --resume --jobs 1 --shard "{}/$parts"
"$option30" merge "$out"
