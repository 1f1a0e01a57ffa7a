"""A decoder as its description in config.json says: blocks in order, each of
which reads and writes registers; register 0 is the residual stream.

Layers may differ in heads, key/value heads and MLP width, and the stream may
change its basis between them (the shortcut matrices of SliceGPT). Needs
transformers 4.48 or later; uses nothing of it that has changed since.
"""
import math
from types import SimpleNamespace

import torch
import transformers
from torch import nn
from torch.nn import functional
from transformers import GenerationMixin, PreTrainedModel
from transformers.cache_utils import DynamicCache
from transformers.modeling_outputs import (BaseModelOutputWithPast,
                                           CausalLMOutputWithPast)
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from .configuration_slimc import SlimcConfig

# What outputs call the cache of keys and values: "cache" from 5.24 on.
CACHE = "cache" if "cache" in CausalLMOutputWithPast.__dataclass_fields__ \
    else "past_key_values"

ACTIVATIONS = {
    "silu": functional.silu,
    "relu": functional.relu,
    "gelu": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
}


class SlimcBranch(nn.Module):
    """A part of a tensor's name; holds the next parts, and plain tensors."""


class SlimcTurned(nn.Module):
    """A linear whose matrix the file has as [in, out]."""

    def __init__(self, rows, columns, bias):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(rows, columns))
        self.bias = nn.Parameter(torch.zeros(columns)) if bias else None

    def forward(self, x):
        y = x @ self.weight
        return y if self.bias is None else y + self.bias


def grow(root, path):
    """The module at a path of names, made where it is missing."""
    for name in path:
        if name not in root._modules:
            root.add_module(name, SlimcBranch())
        root = root._modules[name]
    return root


def make(block, slot, tensor):
    """The module that a tensor named *.weight is the weight of."""
    size = tensor["size"]
    bias = (slot + "_bias" if slot != "weight" else "bias") in block["tensors"]
    if block["kind"] == "embedding" and slot != "project":
        return nn.Embedding(*size)
    if len(size) == 1:
        return None
    if tensor["turned"]:
        return SlimcTurned(*size, bias)
    return nn.Linear(size[1], size[0], bias=bias)


def plant(root, base, block, inside):
    """Makes the tensors of a block that lie under the base, or beside it."""
    for slot, tensor in block["tensors"].items():
        path = tensor["name"].split(".")
        if (path[0] == base) != inside:
            continue
        path = path[1:] if inside else path
        module = make(block, slot, tensor) if path[-1] == "weight" else None
        if module is not None:
            grow(root, path[:-2]).add_module(path[-2], module)
            continue
        branch = grow(root, path[:-1])
        if path[-1] not in branch._parameters:
            branch.register_parameter(
                path[-1], nn.Parameter(torch.zeros(tensor["size"])))


def blocks_of(model):
    yield from model["before"]
    for layer in model["layers"]:
        yield from layer
    yield from model["after"]


class Slots:
    """Finds modules and tensors of blocks by slot."""

    def __init__(self, root, base):
        self.root, self.base = root, base

    def path(self, block, slot):
        path = block["tensors"][slot]["name"].split(".")
        return path[1:] if path[0] == self.base else path

    def module(self, block, slot):
        module = self.root
        for name in self.path(block, slot)[:-1]:
            module = module._modules[name]
        return module

    def tensor(self, block, slot):
        if slot not in block["tensors"]:
            return None
        return getattr(self.module(block, slot), self.path(block, slot)[-1])


def embed(slots, block, ids, positions, given):
    x = slots.module(block, "weight")(ids) if given is None else given
    if block["set"]["scale"] != 1:
        x = x * torch.tensor(block["set"]["scale"], dtype=x.dtype)
    if "project" in block["tensors"]:
        x = slots.module(block, "project")(x)
    if "positions" in block["tensors"]:
        table = slots.module(block, "positions")
        x = x + table(positions + int(block["set"]["offset"]))
    return x


def norm(slots, block, x, model):
    """x / sqrt(sum(x^2) / divisor + eps): the divisor stays that of the dense
    model when the stream gets narrower, and a mean that was folded into what
    writes the stream is not taken again. Kind "done": the table holds it."""
    if block["set"]["kind"] == "done":
        return x
    y = x.float()
    if block["set"]["kind"] == "layer" and not model["folded"]:
        y = y - y.mean(-1, keepdim=True)
    size = y.square().sum(-1, keepdim=True) / (model["divisor"] or x.shape[-1])
    y = y * torch.rsqrt(size + block["set"]["eps"])
    weight, bias = (slots.tensor(block, slot) for slot in ("weight", "bias"))
    if weight is not None:
        y = y.to(x.dtype).float() * (weight.float() + block["set"]["offset"])
    if bias is not None:
        y = y + bias.float()
    return y.to(x.dtype)


def unscaled(block, device):
    """Angular frequencies of the rotary pairs, of a grid those of half a
    head."""
    dim = int(block["set"]["rotary_dim"]) or block["head_dim"]
    if block["set"]["position"] == "rope_grid":
        dim //= 2
    steps = torch.arange(0, dim, 2, dtype=torch.float32, device=device)
    freq = 1.0 / block["set"]["theta"] ** (steps / dim)
    return freq.half().float() if block["set"]["rounding"] == "f16" else freq


def frequencies(block, device, length):
    """The same, scaled as the model asks; of longrope, those for sequences of
    that length."""
    freq = unscaled(block, device)
    if block["set"]["scaling"] == "linear":
        return freq / block["set"]["factor"]
    if block["set"]["scaling"] == "longrope":
        kind = "long" if length > block["set"]["original"] else "short"
        return freq / torch.tensor(block["set"][kind], device=device)
    if block["set"]["scaling"] != "wavelength":
        return freq
    wave = 2 * math.pi / freq
    low = block["set"]["original"] / block["set"]["low_freq"]
    high = block["set"]["original"] / block["set"]["high_freq"]
    smooth = ((block["set"]["original"] / wave - block["set"]["low_freq"])
              / (block["set"]["high_freq"] - block["set"]["low_freq"]))
    between = (1 - smooth) * freq / block["set"]["factor"] + smooth * freq
    scaled = torch.where(wave > low, freq / block["set"]["factor"], freq)
    return torch.where((wave <= low) & (wave >= high), between, scaled)


def rotate(x, positions, block):
    """x [batch, heads, tokens, dim]; the first rotary_dim of dim turn."""
    length = int(positions.max()) + 1
    freq = frequencies(block, x.device, length)
    angles = positions[:, None, :, None].float() * freq
    amplitude = block["set"]["amplitude"]
    cosine = (amplitude * angles.cos()).to(x.dtype)
    sine = (amplitude * angles.sin()).to(x.dtype)
    dim = 2 * len(freq)
    turning, still = x[..., :dim], x[..., dim:]
    if block["set"]["position"] == "rope_pairs":
        a, b = turning[..., 0::2], turning[..., 1::2]
        turned = torch.stack((a * cosine - b * sine, b * cosine + a * sine),
                             -1).flatten(-2)
    else:
        a, b = turning[..., :dim // 2], turning[..., dim // 2:]
        turned = torch.cat((a * cosine - b * sine, b * cosine + a * sine), -1)
    return torch.cat((turned, still), -1)


def place(x, context, block):
    """Turns the heads, or with a grid each half of a head by a position of its
    own: that before the prefix ends, of the mark after it, and that after."""
    positions = context.positions
    if block["set"]["position"] != "rope_grid":
        return rotate(x, positions, block)
    _, end, mark = context.prefix
    before = torch.where(positions < end, positions, mark)
    after = torch.where(positions < end, 0, positions - end + 1)
    first, second = x.chunk(2, -1)
    return torch.cat((rotate(first, before, block),
                      rotate(second, after, block)), -1)


def first_of(ids, wanted):
    """Where an id first stands in each row; -1 where it does not."""
    found = ids == int(wanted)
    return torch.where(found.any(-1), found.int().argmax(-1), -1)


def find_prefix(settings, ids, positions):
    """Of each row: the index and the position of the token that ends its
    prefix, and the position of the mark; 0 where there is none."""
    positions = positions.expand(ids.shape)
    end = first_of(ids, settings["prefix_end"])
    mark = first_of(ids, settings["mark"])
    mark = torch.where(mark < 0, first_of(ids, settings["mark_else"]), mark)
    mark = torch.where(mark < 0, end - 1, mark).clamp(0)[:, None]
    index = end.clamp(0)[:, None]
    ends = positions.gather(1, index) * (end >= 0)[:, None]
    return index, ends, positions.gather(1, mark)


def part(fused, place):
    """Columns of a fused product: blocks at a distance, or one."""
    first, stride, length, count = place
    index = torch.arange(length, device=fused.device)[None]
    steps = torch.arange(count, device=fused.device)[:, None] * stride
    return fused[..., (first + steps + index).flatten()]


def eager(module, query, key, value, mask, scaling, **kwargs):
    """softmax(q k^T) v with the mask added."""
    scores = query @ key.transpose(2, 3) * scaling + mask
    weights = scores.float().softmax(-1).to(query.dtype)
    return (weights @ value).transpose(1, 2), weights


def sloped(mask, slopes, past):
    """Adds -slope (query - key) for each head (ALiBi)."""
    queries = torch.arange(mask.shape[-2], device=mask.device)[:, None] + past
    distance = torch.arange(mask.shape[-1], device=mask.device) - queries
    slopes = torch.tensor(slopes, device=mask.device)[:, None, None]
    return mask + (slopes * distance).to(mask.dtype)


def attend(slots, block, x, context):
    batch, length, _ = x.shape
    if "qkv" in block["tensors"]:
        fused = slots.module(block, "qkv")(x)
        projected = [part(fused, block["parts"][label]) for label in "qkv"]
    else:
        projected = [slots.module(block, label)(x) for label in "qkv"]
    query, key, value = (
        y.view(batch, length, -1, block["head_dim"]).transpose(1, 2)
        for y in projected)
    if block["set"]["position"].startswith("rope"):
        query = place(query, context, block)
        key = place(key, context, block)
    if context.cache is not None:
        key, value = context.cache.update(key, value, context.layer)
    # Query heads share key heads; how the library shares them has changed.
    shared = block["heads"] // block["kv_heads"]
    key = key.repeat_interleave(shared, 1)
    value = value.repeat_interleave(shared, 1)
    mask = context.masks[int(block["set"]["window"])]
    if "slopes" in block:
        mask = sloped(mask, block["slopes"], context.past)
    kind = getattr(context.config, "_attn_implementation", "eager")
    function = eager if kind in (None, "eager") or "slopes" in block \
        else ALL_ATTENTION_FUNCTIONS[kind]
    head = SimpleNamespace(
        config=context.config, layer_idx=context.layer, is_causal=True,
        training=context.training, num_key_value_groups=1)
    scaling = block["set"]["scale"] or block["head_dim"] ** -0.5
    out, _ = function(head, query, key, value, mask, scaling=scaling,
                      dropout=0.0, **context.more)
    return slots.module(block, "o")(out.reshape(batch, length, -1))


def perceive(slots, block, x):
    """The MLP."""
    act = ACTIVATIONS[block["set"]["act"]]
    if "gate_up" in block["tensors"]:
        fused = slots.module(block, "gate_up")(x)
        hidden = act(part(fused, block["parts"]["gate"])) * part(
            fused, block["parts"]["up"])
    elif "gate" in block["tensors"]:
        hidden = act(slots.module(block, "gate")(x)) * slots.module(
            block, "up")(x)
    else:
        hidden = act(slots.module(block, "up")(x))
    return slots.module(block, "down")(hidden)


def add(slots, block, stream, other):
    shortcut = slots.tensor(block, "shortcut")
    if shortcut is not None:
        stream = stream @ shortcut
    scale = block["set"]["scale"]
    return (stream if scale == 1 else scale * stream) + other


class SlimcPreTrainedModel(PreTrainedModel):
    config_class = SlimcConfig
    base_model_prefix = "model"
    _no_split_modules = ["SlimcBranch"]
    _supports_sdpa = True
    _supports_cache_class = True
    _supports_attention_backend = True

    def _init_weights(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            module.weight.data.normal_(0.0, 0.02)
            if getattr(module, "bias", None) is not None:
                module.bias.data.zero_()


def causal_mask(length, past, window, padding, prefix, dtype, device):
    """Added to scores: 0 where a query may look, the lowest number elsewhere.
    Every query may look at the prefix, if there is one. A query that sees only padding looks at everything, so that no softmax is
    over nothing."""
    queries = torch.arange(past, past + length, device=device)[:, None]
    keys = torch.arange(past + length, device=device)[None, :]
    seen = keys <= queries
    if window:
        seen = seen & (keys > queries - window)
    seen = seen[None, None]
    if prefix is not None:
        seen = seen | (keys < prefix[0])[:, None, None]
    if padding is not None:
        seen = seen & padding[:, None, None, :].bool()
    seen = seen | ~seen.any(-1, keepdim=True)
    return torch.zeros(seen.shape, dtype=dtype, device=device).masked_fill(
        ~seen, torch.finfo(dtype).min)


class SlimcModel(SlimcPreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.described = config.slimc["model"]
        self.base = self.described["base"]
        for block in blocks_of(self.described):
            plant(self, self.base, block, True)
        self.post_init()

    def get_input_embeddings(self):
        slots = Slots(self, self.base)
        return slots.module(self.described["before"][0], "weight")

    def set_input_embeddings(self, value):
        path = Slots(self, self.base).path(self.described["before"][0],
                                           "weight")
        grow(self, path[:-2])._modules[path[-2]] = value

    def run(self, blocks, registers, context):
        """Blocks that read and write registers, up to the head."""
        slots = Slots(self, self.base)
        for block in blocks:
            read = [registers[r] for r in block["in"]]
            if block["kind"] == "embedding":
                out = embed(slots, block, context.ids, context.positions,
                            context.given)
            elif block["kind"] == "norm":
                out = norm(slots, block, *read, self.described)
            elif block["kind"] == "attention":
                out = attend(slots, block, *read, context)
            elif block["kind"] == "mlp":
                out = perceive(slots, block, *read)
            elif block["kind"] == "add":
                out = add(slots, block, *read)
            else:
                return registers[block["in"][0]]
            registers[block["out"]] = out
        return registers[0]

    def windows(self):
        return {int(block["set"]["window"])
                for block in blocks_of(self.described)
                if block["kind"] == "attention"}

    def prefix(self, ids, positions, cache, past):
        """Where each row's prefix ends; what follows it keeps that."""
        settings = next(block["set"] for block in blocks_of(self.described)
                        if block["kind"] == "attention")
        if settings["prefix_end"] < 0:
            return None
        if past:
            return cache.slimc_prefix
        if ids is None:
            raise ValueError("the prefix is found by ids, not by embeddings")
        prefix = find_prefix(settings, ids, positions)
        if cache is not None:
            cache.slimc_prefix = prefix
        return prefix

    def forward(self, input_ids=None, attention_mask=None, position_ids=None,
                past_key_values=None, inputs_embeds=None, use_cache=None,
                return_dict=None, output_attentions=None,
                output_hidden_states=None, cache_position=None, cache=None,
                **kwargs):
        cache = past_key_values if cache is None else cache
        first = input_ids if inputs_embeds is None else inputs_embeds
        length = first.shape[1]
        if use_cache and cache is None:
            cache = DynamicCache()
        past = 0 if cache is None else cache.get_seq_length()
        if position_ids is None and attention_mask is not None:
            position_ids = (attention_mask.long().cumsum(-1) - 1).clamp(0)
            position_ids = position_ids[:, past:past + length]
        if position_ids is None:
            position_ids = torch.arange(past, past + length,
                                        device=first.device)[None]
        context = SimpleNamespace(
            ids=input_ids, given=inputs_embeds, positions=position_ids,
            cache=cache, past=past, config=self.config,
            training=self.training, more=kwargs, layer=0, masks={},
            prefix=self.prefix(input_ids, position_ids, cache, past))
        registers = {}
        x = self.run(self.described["before"], registers, context)
        context.masks = {window: causal_mask(length, past, window,
                                             attention_mask, context.prefix,
                                             x.dtype, x.device)
                         for window in self.windows()}
        states = [x]
        for context.layer, blocks in enumerate(self.described["layers"]):
            x = self.run(blocks, registers, context)
            states.append(x)
        x = self.run(self.described["after"], registers, context)
        states[-1] = x
        return BaseModelOutputWithPast(
            last_hidden_state=x, **{CACHE: cache},
            hidden_states=tuple(states) if output_hidden_states else None)


class SlimcForCausalLM(SlimcPreTrainedModel, GenerationMixin):
    def __init__(self, config):
        super().__init__(config)
        model = config.slimc["model"]
        self.base_model_prefix = model["base"]
        self.add_module(model["base"], SlimcModel(config))
        # Where transformers asks the class what the base is called, it hears
        # "model": a second name, not a second module.
        if model["base"] != "model":
            self.__dict__["model"] = self._modules[model["base"]]
        self.head = model["after"][-1]
        weight = self.head["tensors"]["weight"]
        self.head_path = weight["name"].split(".")[:-1]
        plant(self, model["base"], self.head, False)
        # Where head and embedding share one matrix: 4.x wants a list, 5.x a
        # map.
        self._tied_weights_keys = None
        if weight["tied"]:
            tied = {weight["name"]: weight["tied"]}
            old = int(transformers.__version__.split(".")[0]) < 5
            self._tied_weights_keys = list(tied) if old else tied
        self.post_init()

    def get_input_embeddings(self):
        return self._modules[self.base_model_prefix].get_input_embeddings()

    def set_input_embeddings(self, value):
        self._modules[self.base_model_prefix].set_input_embeddings(value)

    def get_output_embeddings(self):
        return grow(self, self.head_path)

    def set_output_embeddings(self, value):
        grow(self, self.head_path[:-1])._modules[self.head_path[-1]] = value

    def forward(self, input_ids=None, attention_mask=None, position_ids=None,
                past_key_values=None, inputs_embeds=None, labels=None,
                use_cache=None, logits_to_keep=0, cache=None, **kwargs):
        kwargs.pop("return_dict", None)
        cache = past_key_values if cache is None else cache
        out = self._modules[self.base_model_prefix](
            input_ids, attention_mask, position_ids, cache, inputs_embeds,
            use_cache, **kwargs)
        hidden = out.last_hidden_state
        if isinstance(logits_to_keep, int):
            hidden = hidden[:, -logits_to_keep:] if logits_to_keep else hidden
        else:
            hidden = hidden[:, logits_to_keep]
        if "project" in self.head["tensors"]:
            slots = Slots(self._modules[self.base_model_prefix],
                          self.base_model_prefix)
            hidden = slots.module(self.head, "project")(hidden)
        hidden = hidden * self.head["set"].get("scale", 1.0)
        logits = self.get_output_embeddings()(hidden)
        loss = None
        if labels is not None:
            loss = functional.cross_entropy(
                logits[:, :-1].float().flatten(0, 1), labels[:, 1:].flatten(),
                ignore_index=-100)
        return CausalLMOutputWithPast(
            loss=loss, logits=logits, hidden_states=out.hidden_states,
            **{CACHE: getattr(out, CACHE)})


# save_pretrained then copies these files beside the weights.
SlimcConfig.register_for_auto_class()
SlimcModel.register_for_auto_class("AutoModel")
SlimcForCausalLM.register_for_auto_class("AutoModelForCausalLM")
