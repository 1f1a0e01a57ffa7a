#!/bin/sh
# try.sh - build slimc, and make the shipped model smaller with it

recipe=../recipes/first.slim
model=../model

cd "$(dirname "$0")" && tools/setup && cd build &&
    ./slimc run --force --data "$model/text" "$recipe" "$model" "$@"
