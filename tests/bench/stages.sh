# stages.sh - what each stage takes, and how near a layer comes to a product
#
# Seconds, operations, their rate as a share of that of a large product measured
# in the same run, bytes read and written, and the most memory. First a recipe
# that has every kind of work; BENCH_MODEL is another model for it than the one
# that is shipped, BENCH_TEXT its text. Then layers of the shape of a 7B model,
# forward and backward at 2048 tokens, as a share of their products alone, which
# are measured before and after. With an argument, a file for the figures as JSON,
# a line each.

slimc=${SLIMC:-./slimc}
top=$(cd "$srcdir" && pwd)
model=${BENCH_MODEL:-$top/model}
text=${BENCH_TEXT:-$top/model/text/sample.txt}
json=${1:-/dev/null}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# number NAME: of a line of JSON, as awk reads it
number='function number(name) {
    if (!match($0, "\"" name "\":[-+.0-9e]*"))
        return 0
    return substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3) + 0
}
function string(name, rest) {
    rest = $0
    sub(".*\"" name "\":\"", "", rest)
    sub("\",\".*", "", rest)
    gsub(/\\/, "", rest)
    return rest
}'

# TITLE MODEL RECIPE: with the limits measured anew, for the share of them
run()
{
    echo "$3
save hf \"$work/out\"" >"$work/r.slim"
    rm -rf "$work/store" "$work/out"
    "$slimc" bench --store "$work/store" >/dev/null || exit 1
    "$slimc" run "$work/r.slim" "$2" --json --store "$work/store" \
        -d "wikitext2=$text" --profile "$work/trace" >"$work/events" || {
        grep '"event":"error"' "$work/events" >&2
        exit 1
    }
    echo "$1:"
}

stages()
{
    printf '%-34s %8s %8s %8s %5s %8s %8s %6s\n' '' s GFLOP GFLOP/s share \
        read/MB wrote/MB peak/MiB
    awk "$number"'
    !/"event":"stage"/ { next }
    {
        printf "%-34.34s %8.2f %8.1f %8.1f %4.0f%% %8.1f %8.1f %6.0f\n",
            string("text"), number("seconds"), number("flops") / 1e9,
            number("flops_per_second") / 1e9, 100 * number("share_of_limit"),
            number("bytes_read") / 1e6, number("bytes_written") / 1e6,
            number("peak_memory") / 1048576
    }' "$work/events"
    grep '"event":"stage"' "$work/events" >>"$json"
}

# FILE: the products of a layer alone
products()
{
    ./tests/bench/layer "$1" >/dev/null || exit 1
}

# WAY: the layers that went that way, all together
layers()
{
    limit=$(cat "$work/before" "$work/after" | awk "$number"'
    string("name") == "'"$compute $1"'" {
        work += number("flops")
        took += number("seconds")
    }
    END { print work / took }')
    awk -v way="$1" -v limit="$limit" -v title="$title" -v json="$json" \
        "$number"'
    $0 ~ "\"name\":\"layer [0-9]+ " way "\"" {
        work += number("flops")
        took += number("dur") / 1e6
    }
    END {
        printf "%-34s %8.2f %8.1f %8.1f %4.0f%%\n", "layers, " way, took,
            work / 1e9, work / took / 1e9, 100 * work / took / limit
        printf "{\"name\":\"%s, %s\",\"seconds\":%.4f,\"flops\":%.9g,", title,
            way, took, work >>json
        printf "\"share\":%.4f}\n", work / took / limit >>json
    }' "$work/trace"
}

: >"$json"
for compute in f32 bf16; do
    run "a recipe in $compute" "$model" "compute $compute
discover groups
score taylor on wikitext2 n=10 len=64
prune 20%
rotate pca on wikitext2 n=8 len=512 per=block
slice 25%
recover lora on wikitext2 r=8 len=128 batch=8 steps=20 validation=0
measure ppl on wikitext2 n=8 len=512
measure throughput len=128"
    stages
done

mkdir "$work/shape" || exit 1
cat >"$work/shape/config.json" <<END
{"architectures": ["LlamaForCausalLM"], "model_type": "llama",
 "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 8,
 "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 768,
 "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "hidden_act": "silu",
 "tie_word_embeddings": false, "torch_dtype": "bfloat16"}
END
"$slimc" synth "$work/shape" "$work/wide" --dtype bf16 >/dev/null || exit 1
cp "$top/model/tokenizer.json" "$work/wide" || exit 1
text=$top/model/text/sample.txt
for compute in f32 bf16; do
    title="eight layers of a 7B in $compute, 2048 tokens"
    products "$work/before"
    run "$title" "$work/wide" "compute $compute
score taylor on wikitext2 n=1 len=2048
prune 20%"
    products "$work/after"
    stages
    layers forward
    layers backward
done
