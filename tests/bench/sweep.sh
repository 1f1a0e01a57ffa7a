# sweep.sh - what a sweep takes beside the stages that it has to run
#
# 3 ratios x 3 importances x 2 seeds. l2 reads neither data nor seed, so that
# there are 5 scores and 15 prunes. SWEEP_MODEL is another model than the one
# that is shipped, SWEEP_TEXT its text. With an argument, a file for the figures
# as JSON.

slimc=${SLIMC:-./slimc}
top=$(cd "$srcdir" && pwd)
model=${SWEEP_MODEL:-$top/model}
text=${SWEEP_TEXT:-$top/model/text/test.txt}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

cat >"$work/sweep.slim" <<END
sweep p = 10%, 20%, 30%
sweep m = taylor, l2, random
sweep seed = 1..2
score \$m on "$text" n=32 len=128 seed=\$seed
prune \$p of params
measure params
END

began=$(date +%s.%N)
"$slimc" run "$work/sweep.slim" "$model" --store "$work/store" -o "$work/out" \
    >"$work/printed" || exit 1
ended=$(date +%s.%N)
# "0m1.20s 0m0.30s" of what the shell waited for is the second line
times >"$work/times"
cpu=$(awk 'NR == 2 {
    for (i = 1; i <= 2; i++) {
        split($i, part, /[ms]/)
        all += 60 * part[1] + part[2]
    }
    print all
}' "$work/times")
"$slimc" cache ls --store "$work/store" --json |
    awk -v wall="$(awk "BEGIN { print $ended - $began }")" \
        -v cpu="$cpu" -v json="${1:-/dev/null}" '
    # a stream is part of the stage that made it
    !/"event":"kept"/ || /"text":"stream/ { next }
    {
        verb = $0
        sub(/.*"text":"/, "", verb)
        sub(/[ "].*/, "", verb)
        match($0, /"seconds":[-+.0-9e]*/)
        seconds = substr($0, RSTART + 10, RLENGTH - 10)
        count[verb]++
        took[verb] += seconds
        sum += seconds
    }
    END {
        printf "sweep of 18 points: %d scores, %.2f s; %d prunes, %.2f s\n",
            count["score"], took["score"], count["prune"], took["prune"]
        printf "all stages %.2f s, the sweep %.2f s (%.2f s of CPU time): ",
            sum, wall, cpu
        printf "%.2f of their sum\n", wall / sum
        printf "{\"scores\":%d,\"prunes\":%d,\"stages\":%.4f,",
            count["score"], count["prune"], sum >json
        printf "\"sweep\":%.4f,\"cpu\":%.4f,\"ratio\":%.4f}\n",
            wall, cpu, wall / sum >json
    }'
