#!/bin/sh
# Saves models in every form that slimc has and checks them in transformers.
#
#     tests/interop/run.sh BUILD_DIR      (make interop calls it)
#
# Virtual environments are made under BUILD_DIR/interop and kept. Which
# versions: INTEROP_VERSIONS, by default the oldest that is supported and the
# newest 5.x.
set -eu
build=$(cd "$1" && pwd)
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$build/interop
versions=${INTEROP_VERSIONS:-"transformers==4.48.3 transformers>=5"}
shared=${SLIM_SHARED:-$source/../shared}
export OMP_NUM_THREADS=1

mkdir -p "$work"

# The form each recipe ends in is what it is here for.
save() { # NAME MODEL RECIPE
    printf 'slim 1\n%s\nsave hf "%s/%s"\n' "$3" "$work" "$1" \
        > "$work/$1.slim"
    "$build/slimc" run -q --force --data "$source/model/text" \
        "$work/$1.slim" "$2"
    saved="$saved $work/$1"
}

saved=
model=$source/model
cal='data cal = "sample.txt" n=8 len=64 pick=first'
save layers "$model" "$cal
score taylor on cal
prune 25% of groups in attn mlp layers 1..6"
save heads "$model" "$cal
score l2
prune 34% of groups in attn"
save blocks "$model" "$cal
rotate pca per=block on cal
slice 25% of width"
save basis "$model" "$cal
rotate pca on cal
slice 25% of width"
save decoupled "$model" "$cal
rotate pca on cal
slice to 80 width"
save both "$model" "$cal
score l1
prune 20% of params
rotate pca per=block on cal
slice 25% of width"
for family in llama-gqa llama-rope-linear mistral qwen2 opt opt-350m-like \
    phi phi3 bloom gemma chatglm-6b; do
    tiny=$shared/models/tiny/$family
    [ -d "$tiny" ] || continue
    save "$family" "$tiny" "score l2
prune 25% of groups in mlp layers 1"
    # one key/value head is the last one
    [ "$family" = gemma ] || save "$family-heads" "$tiny" "score l1
prune 50% of groups in attn"
done
# Layer norms and fused matrices in another basis; these models came without a
# tokenizer, and that of another one has as many ids.
for family in opt phi phi3 gemma baichuan-13b bloom; do
    tiny=$shared/models/tiny/$family
    [ -d "$tiny" ] || continue
    rm -rf "$work/$family-dense"
    cp -r "$tiny" "$work/$family-dense"
    cp "$shared"/models/stories260k/tokenizer* "$work/$family-dense"
    save "$family-basis" "$work/$family-dense" "$cal
rotate pca on cal
slice 25% of width"
    save "$family-blocks" "$work/$family-dense" "$cal
rotate pca per=block on cal
slice 25% of width"
done
# Layers that stay alike: its class is not one of transformers.
for family in baichuan-7b baichuan-13b; do
    tiny=$shared/models/tiny/$family
    [ -d "$tiny" ] || continue
    save "$family" "$tiny" "score l2
prune 25% of groups in mlp"
    save "$family-heads" "$tiny" "score l1
prune 50% of groups in attn layers 1"
done

# An adapter on its base must compute what the merged model computes.
cat > "$work/adapter.slim" <<END
slim 1
score l2
prune 25% of groups in mlp layers 0..7
save hf "$work/adapter-base" dtype=f32
recover lora on "sample.txt" r=4 steps=20 batch=4 lr=5e-3 warmup=2 len=64
save hf "$work/adapter-merged" dtype=f32
save adapter "$work/adapter"
END
"$build/slimc" run -q --force --data "$source/model/text" \
    "$work/adapter.slim" "$model"

for version in $versions; do
    venv=$work/$(echo "$version" | tr -dc 'a-z0-9')
    if [ ! -x "$venv/bin/python" ]; then
        python3 -m venv "$venv"
        "$venv/bin/pip" -q install numpy torch safetensors peft "$version"
    fi
    # shellcheck disable=SC2086 # a list of paths
    "$venv/bin/python" "$source/tests/interop/check.py" \
        "$build/tests/interop/logits" $saved
    "$venv/bin/python" "$source/tests/interop/keys.py" "$build/slimc" \
        "$build/tests/interop/logits" "$source/compiler/families" \
        llama mistral qwen2 gemma phi phi3 opt bloom
    "$venv/bin/python" "$source/tests/interop/keys.py" "$build/slimc" \
        "$build/tests/interop/logits" "$source/tests/families" \
        gpt2 gpt_neox cohere falcon stablelm
    "$venv/bin/python" "$source/tests/interop/adapter.py" \
        "$work/adapter-base" "$work/adapter" "$work/adapter-merged"
done
