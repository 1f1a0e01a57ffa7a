"""SliceGPT's interleaved rotation of a LLaMA in f64, by the book: what an oracle
in f32 would have found without rounding, site by site.

usage: slice_f64.py MODEL_DIR TEXT ORACLE.safetensors [LAYERS]

TEXT is cut into 32 windows of 2048 tokens from its start; how many columns are
kept is read from ORACLE.json. For each site the table has the gap between the
last eigenvalue that is kept and the first that is not (relative), and how far
the oracle's eigenvalues are from those in f64 (largest relative difference).
Where the gap is small, rounding decides which direction is dropped, and every
later site inherits it. A run over 30 layers takes half an hour on two cores.
"""
import json
import struct
import sys

import numpy
from tokenizers import Tokenizer

WINDOWS, LENGTH = 32, 2048
EPSILON = 1e-5  # the reference's own, whatever the model says
DAMPING = 0.01  # it adds this share of the mean eigenvalue to each


class Tensors:
    """A safetensors file, read tensor by tensor as f64."""

    def __init__(self, path):
        with open(path, 'rb') as file:
            size = struct.unpack('<Q', file.read(8))[0]
            self.header = json.loads(file.read(size))
        self.data = numpy.memmap(path, numpy.uint8, 'r', 8 + size)

    def __getitem__(self, name):
        entry = self.header[name]
        first, last = entry['data_offsets']
        raw = self.data[first:last].tobytes()
        if entry['dtype'] == 'BF16':
            wide = numpy.frombuffer(raw, numpy.uint16).astype(numpy.uint32) << 16
            values = wide.view(numpy.float32)
        else:
            kind = {'F16': '<f2', 'F32': '<f4', 'F64': '<f8'}[entry['dtype']]
            values = numpy.frombuffer(raw, kind)
        return values.reshape(entry['shape']).astype(numpy.float64)


class Model:
    def __init__(self, path):
        with open(path + '/config.json', encoding='utf-8') as file:
            config = json.load(file)
        self.tensors = Tensors(path + '/model.safetensors')
        self.heads = config['num_attention_heads']
        self.kv_heads = config['num_key_value_heads']
        self.dim = config['hidden_size'] // self.heads
        self.layers = config['num_hidden_layers']
        steps = numpy.arange(0, self.dim, 2) / self.dim
        angles = numpy.outer(numpy.arange(LENGTH),
                             config['rope_theta'] ** -steps)
        self.cosine = numpy.cos(angles)[:, None]
        self.sine = numpy.sin(angles)[:, None]
        self.later = numpy.triu(numpy.full((LENGTH, LENGTH), -numpy.inf), 1)

    def embed(self, ids):
        table = self.tensors['model.embed_tokens.weight']
        return (table - table.mean(1, keepdims=True))[ids]

    def weight(self, layer, name):
        return self.tensors[f'model.layers.{layer}.{name}.weight']

    def rotate(self, x):
        low, high = numpy.split(x, 2, -1)
        return numpy.concatenate((low * self.cosine - high * self.sine,
                                  high * self.cosine + low * self.sine), -1)

    def attend(self, x, layer):
        """Adds attention to windows x [WINDOWS, LENGTH, width] in place."""
        gain = self.weight(layer, 'input_layernorm')
        q, k, v, o = (self.weight(layer, f'self_attn.{part}_proj')
                      for part in 'qkvo')
        for window in x:
            normed = norm(window) * gain
            queries = self.rotate((normed @ q.T).reshape(LENGTH, -1, self.dim))
            keys = self.rotate((normed @ k.T).reshape(LENGTH, -1, self.dim))
            values = (normed @ v.T).reshape(LENGTH, -1, self.dim)
            mixed = numpy.empty_like(queries)
            for head in range(self.heads):
                group = head * self.kv_heads // self.heads
                scores = queries[:, head] @ keys[:, group].T
                scores = scores / numpy.sqrt(self.dim) + self.later
                scores = numpy.exp(scores - scores.max(1, keepdims=True))
                scores /= scores.sum(1, keepdims=True)
                mixed[:, head] = scores @ values[:, group]
            window += mixed.reshape(LENGTH, -1) @ o.T

    def mlp(self, x, layer):
        gain = self.weight(layer, 'post_attention_layernorm')
        gate, up, down = (self.weight(layer, f'mlp.{part}_proj')
                          for part in ('gate', 'up', 'down'))
        for window in x:
            normed = norm(window) * gain
            open_ = normed @ gate.T
            window += open_ / (1 + numpy.exp(-open_)) * (normed @ up.T) @ down.T


def norm(x):
    return x / numpy.sqrt((x * x).mean(1, keepdims=True) + EPSILON)


class Sites:
    """Cuts the stream at each site, and compares its spectrum."""

    def __init__(self, oracle):
        with open(oracle.replace('.safetensors', '.json'),
                  encoding='utf-8') as file:
            self.kept = json.load(file)['dim']
        self.oracle = Tensors(oracle)
        self.count = 0

    def cut(self, x, drop=True):
        flat = x.reshape(-1, x.shape[-1])
        values, basis = numpy.linalg.eigh(flat.T @ flat)
        values, basis = values[::-1], basis[:, ::-1]
        if drop:
            basis = basis[:, :self.kept]
            for window in x:
                window[:] = window @ basis @ basis.T
        want = values + DAMPING * values.mean()
        have = self.oracle[f'eigenvalues.{self.count}']
        gap = 1 - values[self.kept] / values[self.kept - 1]
        print(f'{self.count:4} {gap:10.1e}'
              f' {abs(have / want - 1).max():10.1e}', flush=True)
        self.count += 1


def main(path, text, oracle, layers=None):
    model, sites = Model(path), Sites(oracle)
    with open(text, encoding='utf-8') as file:
        ids = Tokenizer.from_file(path + '/tokenizer.json').encode(
            file.read(), add_special_tokens=False).ids
    x = model.embed(ids[:WINDOWS * LENGTH]).reshape(WINDOWS, LENGTH, -1)
    print('site        gap     oracle')
    sites.cut(x)
    for layer in range(int(layers or model.layers)):
        model.attend(x, layer)
        sites.cut(x)
        model.mlp(x, layer)
        sites.cut(x, layer + 1 < model.layers)


if __name__ == '__main__':
    main(*sys.argv[1:])
