#!/usr/bin/env python3
"""Trains a byte-level BPE tokenizer and writes tokenizer.json.

usage: make_tokenizer.py TEXT OUT_DIR [--vocab N]

Pairs are merged by count, ties by the order of their bytes, so the same text
gives the same file. Needs only the standard library.
"""
import argparse
import collections
import json
import re
from pathlib import Path

# The words that pairs may not cross: contractions, letters with one space
# before them, single digits, other marks, blanks.
SPLIT = re.compile(r"'(?:[sdmt]|ll|ve|re)| ?[A-Za-z]+|\d| ?[^\sA-Za-z\d]+"
                   r"|\s+(?!\S)|\s+")


def byte_letters():
    """The printable letter that stands for each byte in tokenizer.json."""
    plain = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172
             or 174 <= b]
    letters = {b: chr(b) for b in plain}
    extra = (chr(256 + i) for i in range(256))
    return [letters[b] if b in letters else next(extra) for b in range(256)]


def count_pairs(words):
    pairs = collections.Counter()
    for word, count in words.items():
        for pair in zip(word, word[1:]):
            pairs[pair] += count
    return pairs


def merged(word, pair):
    out, i = [], 0
    while i < len(word):
        if word[i:i + 2] == pair:
            out.append(word[i] + word[i + 1])
            i += 2
        else:
            out.append(word[i])
            i += 1
    return tuple(out)


def train(text, size):
    letters = byte_letters()
    counts = collections.Counter(SPLIT.findall(text))
    words = {tuple(letters[b] for b in word.encode()): n
             for word, n in counts.items()}
    vocab = ["<|end|>"] + sorted(letters)
    merges = []
    while len(vocab) < size:
        pairs = count_pairs(words)
        if not pairs:
            break
        best = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(best)
        vocab.append("".join(best))
        words = {merged(word, best): n for word, n in words.items()}
    return vocab, merges


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("text")
    parser.add_argument("out")
    parser.add_argument("--vocab", type=int, default=768)
    args = parser.parse_args()
    vocab, merges = train(Path(args.text).read_text()[:400000], args.vocab)
    end = {"id": 0, "content": vocab[0], "single_word": False, "lstrip": False,
           "rstrip": False, "normalized": False, "special": True}
    level = {"type": "ByteLevel", "add_prefix_space": False,
             "trim_offsets": True, "use_regex": True}
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [end], "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": True}, level]},
        "post_processor": None, "decoder": level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None,
                  "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False,
                  "byte_fallback": False, "ignore_merges": False,
                  "vocab": {token: i for i, token in enumerate(vocab)},
                  "merges": [" ".join(pair) for pair in merges]}}
    out = Path(args.out)
    (out / "tokenizer.json").write_text(json.dumps(tokenizer, indent=1) + "\n")
    (out / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": vocab[0],
         "eos_token": vocab[0], "add_bos_token": False,
         "model_max_length": 256}, indent=1) + "\n")


main()
