"""An adapter that slimc saved, loaded by PEFT on its base model, must compute
what the model computes into which slimc merged it.

usage: adapter.py BASE_DIR ADAPTER_DIR MERGED_DIR
"""
import sys

import peft
import torch
import transformers

TOLERANCE = 1e-4  # of the logits' standard deviation


def load(path):
    return transformers.AutoModelForCausalLM.from_pretrained(
        path, trust_remote_code=True, torch_dtype=torch.float32).eval()


def main():
    base, adapter, merged = sys.argv[1:4]
    expected = load(merged)
    adapted = peft.PeftModel.from_pretrained(load(base), adapter).eval()
    vocabulary = expected.get_input_embeddings().weight.shape[0]
    ids = torch.tensor([[(7 * i * i + 3) % vocabulary for i in range(32)]])
    with torch.no_grad():
        want = expected(ids).logits
        with_adapter = (adapted(ids).logits - want).abs().max() / want.std()
        with adapted.disable_adapter():
            without = (adapted(ids).logits - want).abs().max() / want.std()
    good = with_adapter <= TOLERANCE < without
    print(f"{'ok' if good else 'FAILED'}: {adapter}: peft {peft.__version__}, "
          f"max difference {with_adapter:.1e} sd, without it {without:.1e} sd")
    sys.exit(0 if good else 1)


main()
