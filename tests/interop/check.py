"""Loads models that slimc saved in transformers and holds them to slimc's own
logits; then generates with a cache, from a padded batch, and reloads a copy.

usage: check.py LOGITS_PROGRAM MODEL_DIR..
"""
import subprocess
import sys
import tempfile

import numpy
import torch
import transformers

TOLERANCE = 1e-3  # of the logits' standard deviation


def slimc_logits(program, model, ids):
    raw = subprocess.run([program, model, *map(str, ids)], check=True,
                         capture_output=True).stdout
    return numpy.frombuffer(raw, numpy.float32).reshape(len(ids), -1)


def load(path):
    model = transformers.AutoModelForCausalLM.from_pretrained(
        path, trust_remote_code=True, torch_dtype=torch.float32)
    return model.eval()


def generate(model, ids, mask=None):
    with torch.no_grad():
        return model.generate(ids, attention_mask=mask, max_new_tokens=12,
                              do_sample=False, use_cache=True, pad_token_id=0)


def step_by_step(model, ids, count):
    """Greedy without a cache: what generate must agree with."""
    for _ in range(count):
        with torch.no_grad():
            best = model(ids).logits[:, -1].argmax(-1, keepdim=True)
        ids = torch.cat((ids, best), 1)
    return ids


def check(program, path):
    model = load(path)
    vocabulary = model.get_input_embeddings().weight.shape[0]
    ids = [(7 * i * i + 3 * i + 5) % vocabulary for i in range(40)]
    ours = slimc_logits(program, path, ids)
    with torch.no_grad():
        theirs = model(torch.tensor([ids])).logits[0].numpy()
    worst = numpy.abs(ours - theirs).max() / theirs.std()
    prompt = torch.tensor([ids[:10]])
    long = generate(model, prompt)
    same = torch.equal(long, step_by_step(model, prompt,
                                          long.shape[1] - prompt.shape[1]))
    padded = torch.cat((torch.zeros(1, 3, dtype=torch.long), prompt), 1)
    mask = torch.ones_like(padded)
    mask[:, :3] = 0
    left = torch.equal(generate(model, padded, mask)[:, 3:], long)
    with tempfile.TemporaryDirectory() as copy:
        model.save_pretrained(copy)
        again = load(copy)
        with torch.no_grad():
            reloaded = again(torch.tensor([ids])).logits[0].numpy()
    kept = numpy.abs(reloaded - theirs).max() == 0
    good = worst <= TOLERANCE and same and left and kept
    print(f"{'ok' if good else 'FAILED'}: {path}: {type(model).__name__}, "
          f"max difference {worst:.1e} sd, generate with cache "
          f"{'equal' if same else 'DIFFERS'}, left-padded "
          f"{'equal' if left else 'DIFFERS'}, saved and reloaded "
          f"{'equal' if kept else 'DIFFERS'}")
    return good


def main():
    print(f"transformers {transformers.__version__}, torch "
          f"{torch.__version__}")
    results = [check(sys.argv[1], path) for path in sys.argv[2:]]
    sys.exit(0 if all(results) else 1)


main()
