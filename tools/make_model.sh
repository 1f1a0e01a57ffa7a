#!/bin/sh
# Makes the model that the project ships, from nothing: text by a grammar, a
# tokenizer by counting pairs, random weights, and slimc itself to train them.
#
#     tools/make_model.sh SLIMC WORK_DIR
#
# WORK_DIR is made; copy WORK_DIR/model over model/ to ship the result.
set -eu
slimc=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
work=$2
here=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$work/start"
python3 "$here/tools/make_text.py" "$work/text"
cp "$here/model/config.json" "$work/start/config.json"
python3 "$here/tools/make_tokenizer.py" "$work/text/train.txt" "$work/start"
cd "$work"
rm -rf random model
"$slimc" synth start random --seed 7
"$slimc" run "$here/tools/make_model.slim" random --data text --threads 1
mkdir -p model/text
cp text/sample.txt text/test.txt text/instructions.json model/text/
