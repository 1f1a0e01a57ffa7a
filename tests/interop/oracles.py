"""Writes the models and numbers that tests/conformance/model.c reads.

usage: oracles.py OUT_DIR [NAME..]

One folder for each row of the table: config.json, model.safetensors with random
weights, and oracle.safetensors with what transformers computes from them in f32:
ids [2, 12], logits, hidden.I (what layer I reads; the last after the last norm),
loss (mean over the shifted positions) and grad.TENSOR of it for every weight.
The files in tests/conformance/fixtures are from transformers 4.48.3; 5.24.0 agrees.
"""
import json
import os
import sys

import torch
import transformers
from safetensors.torch import save_file

SIZES = {'hidden_size': 16, 'num_hidden_layers': 2, 'vocab_size': 40,
         'max_position_embeddings': 32, 'num_attention_heads': 4,
         'torch_dtype': 'float32'}
GATED = {**SIZES, 'num_key_value_heads': 2, 'intermediate_size': 12}
TABLE = {
    # without padding: its row would have no gradient
    'cohere': {'model_type': 'cohere', **GATED, 'rope_theta': 500.0,
               'logit_scale': 0.3, 'pad_token_id': None,
               'eos_token_id': 1, 'attention_bias': True},
    'falcon': {'model_type': 'falcon', **SIZES, 'num_kv_heads': 2,
               'new_decoder_architecture': True, 'bias': True,
               'ffn_hidden_size': 24},
    # the 7B model: one norm for attention and MLP, one key/value head
    'falcon-one-norm': {'model_type': 'falcon', **SIZES, 'multi_query': True,
                        'new_decoder_architecture': False,
                        'parallel_attn': True, 'bias': False},
    'stablelm': {'model_type': 'stablelm', **GATED, 'hidden_size': 32,
                 'partial_rotary_factor': 0.5, 'use_qkv_bias': True},
}


def make(config):
    kind = type(transformers.AutoConfig.for_model(config['model_type']))
    model = transformers.AutoModelForCausalLM.from_config(
        kind.from_dict(dict(config)), attn_implementation='eager')
    model = model.float().eval()
    torch.manual_seed(7)
    with torch.no_grad():
        # by name: the same numbers whatever order a version has them in
        for name, weight in sorted(model.named_parameters()):
            gain = weight.dim() == 1 and name.endswith('weight')
            weight.copy_(torch.randn_like(weight) * 0.3 + gain)
    return model


def write(folder, config):
    model = make(config)
    ids = torch.tensor([[(7 * i * i + 3 * i + 5 * row) % config['vocab_size']
                         for i in range(12)] for row in range(2)])
    out = model(ids, output_hidden_states=True)
    # the loss by itself: versions of transformers differ in how they shift
    loss = torch.nn.functional.cross_entropy(
        out.logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    loss.backward()
    found = {'ids': ids.int(), 'logits': out.logits, 'loss': loss.reshape(1)}
    for i, hidden in enumerate(out.hidden_states):
        found[f'hidden.{i}'] = hidden
    weights = dict(model.named_parameters())
    for name, weight in weights.items():
        found[f'grad.{name}'] = weight.grad
    found = {name: value.detach().contiguous()
             for name, value in found.items()}
    os.makedirs(folder, exist_ok=True)
    save_file({name: weight.detach().contiguous()
               for name, weight in weights.items()},
              folder + '/model.safetensors', {'format': 'pt'})
    save_file(found, folder + '/oracle.safetensors')
    with open(folder + '/config.json', 'w', encoding='utf-8') as file:
        json.dump(config, file, indent=2)
        file.write('\n')


def main():
    for name in sys.argv[2:] or TABLE:
        write(os.path.join(sys.argv[1], name), TABLE[name])


main()
