"""A decoder whose layers may differ in heads, key/value heads and MLP width,
with the shortcut matrices of SliceGPT where the stream changes its basis.

Needs transformers 4.48 or later; uses nothing of it that has changed since.
"""
import math

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

ACTIVATIONS = {
    "silu": functional.silu,
    "relu": functional.relu,
    "gelu": functional.gelu,
    "gelu_pytorch_tanh": lambda x: functional.gelu(x, approximate="tanh"),
}


class SlimcNorm(nn.Module):
    """x / sqrt(sum(x^2) / divisor + eps): the divisor stays that of the dense
    model when the stream gets narrower."""

    def __init__(self, width, settings):
        super().__init__()
        self.divisor = settings["norm_divisor"] or width
        self.eps = settings["norm_eps"]
        self.offset = settings["norm_offset"]
        if settings["norm_weights"]:
            self.weight = nn.Parameter(torch.ones(width))
        else:
            self.register_parameter("weight", None)

    def forward(self, x):
        y = x.float()
        y = y * torch.rsqrt(y.square().sum(-1, keepdim=True) / self.divisor
                            + self.eps)
        if self.weight is None:
            return y.to(x.dtype)
        return (y.to(x.dtype).float() * (self.weight.float() + self.offset)
                ).to(x.dtype)


def frequencies(settings, device):
    """Angular frequencies of the rotary pairs, scaled as the model asks."""
    dim = settings["rotary_dim"]
    steps = torch.arange(0, dim, 2, dtype=torch.float32, device=device)
    freq = 1.0 / settings["theta"] ** (steps / dim)
    if settings["scaling"] == "linear":
        return freq / settings["factor"]
    if settings["scaling"] != "llama3":
        return freq
    wave = 2 * math.pi / freq
    low = settings["original"] / settings["low_freq"]
    high = settings["original"] / settings["high_freq"]
    smooth = ((settings["original"] / wave - settings["low_freq"])
              / (settings["high_freq"] - settings["low_freq"]))
    between = (1 - smooth) * freq / settings["factor"] + smooth * freq
    scaled = torch.where(wave > low, freq / settings["factor"], freq)
    return torch.where((wave <= low) & (wave >= high), between, scaled)


def rotate(x, cosine, sine, settings):
    """x [batch, heads, tokens, dim]; the first rotary_dim of dim turn."""
    dim = settings["rotary_dim"]
    turning, still = x[..., :dim], x[..., dim:]
    if settings["position"] == "rope_pairs":
        a, b = turning[..., 0::2], turning[..., 1::2]
        turned = torch.stack((a * cosine - b * sine, b * cosine + a * sine),
                             -1).flatten(-2)
    else:
        a, b = turning[..., :dim // 2], turning[..., dim // 2:]
        turned = torch.cat((a * cosine - b * sine, b * cosine + a * sine), -1)
    return torch.cat((turned, still), -1)


def eager(module, query, key, value, mask, scaling, **kwargs):
    """softmax(q k^T) v with the mask added; query heads share key heads."""
    repeat = module.num_key_value_groups
    key = key.repeat_interleave(repeat, 1)
    value = value.repeat_interleave(repeat, 1)
    scores = query @ key.transpose(2, 3) * scaling + mask
    weights = scores.float().softmax(-1).to(query.dtype)
    return (weights @ value).transpose(1, 2), weights


class SlimcAttention(nn.Module):
    def __init__(self, config, settings, width_in, width_out, index):
        super().__init__()
        self.config = config
        self.settings = settings
        self.layer_idx = index
        self.heads = settings["heads"]
        self.kv_heads = settings["kv_heads"]
        self.head_dim = settings["head_dim"]
        self.num_key_value_groups = self.heads // self.kv_heads
        self.scaling = settings["scale"] or self.head_dim ** -0.5
        self.is_causal = True
        bias = settings["qkv_bias"]
        rows, kv_rows = (self.heads * self.head_dim,
                         self.kv_heads * self.head_dim)
        self.q_proj = nn.Linear(width_in, rows, bias=bias)
        self.k_proj = nn.Linear(width_in, kv_rows, bias=bias)
        self.v_proj = nn.Linear(width_in, kv_rows, bias=bias)
        self.o_proj = nn.Linear(rows, width_out, bias=settings["o_bias"])

    def forward(self, x, positions, mask, cache, **kwargs):
        batch, length, _ = x.shape
        shape = (batch, length, -1, self.head_dim)
        query = self.q_proj(x).view(shape).transpose(1, 2)
        key = self.k_proj(x).view(shape).transpose(1, 2)
        value = self.v_proj(x).view(shape).transpose(1, 2)
        if self.settings["position"].startswith("rope"):
            angles = (positions[:, None, :, None].float()
                      * frequencies(self.settings, x.device))
            cosine, sine = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
            query = rotate(query, cosine, sine, self.settings)
            key = rotate(key, cosine, sine, self.settings)
        if cache is not None:
            key, value = cache.update(key, value, self.layer_idx)
        kind = getattr(self.config, "_attn_implementation", "eager")
        attend = eager
        if kind not in (None, "eager"):
            attend = ALL_ATTENTION_FUNCTIONS[kind]
        out, _ = attend(self, query, key, value, mask, scaling=self.scaling,
                        dropout=0.0, **kwargs)
        return self.o_proj(out.reshape(batch, length, -1))


class SlimcMLP(nn.Module):
    def __init__(self, settings, width_in, width_out):
        super().__init__()
        width = settings["width"]
        self.act = ACTIVATIONS[settings["act"]]
        if settings["gated"]:
            self.gate_proj = nn.Linear(width_in, width,
                                       bias=settings["up_bias"])
        self.up_proj = nn.Linear(width_in, width, bias=settings["up_bias"])
        self.down_proj = nn.Linear(width, width_out,
                                   bias=settings["down_bias"])
        self.gated = settings["gated"]

    def forward(self, x):
        if self.gated:
            return self.down_proj(self.act(self.gate_proj(x)) * self.up_proj(x))
        return self.down_proj(self.act(self.up_proj(x)))


class SlimcLayer(nn.Module):
    def __init__(self, config, index):
        super().__init__()
        model = config.slimc["model"]
        start, middle, end = model["sites"][2 * index:2 * index + 3]
        layer = model["layers"][index]
        self.input_layernorm = SlimcNorm(start, model)
        self.self_attn = SlimcAttention(config, layer["attention"], start,
                                        middle, index)
        self.post_attention_layernorm = SlimcNorm(middle, model)
        self.mlp = SlimcMLP(layer["mlp"], middle, end)
        self.window = layer["attention"]["window"]
        if model["shortcuts"]:
            self.attn_shortcut_Q = nn.Parameter(torch.zeros(start, middle))
            self.mlp_shortcut_Q = nn.Parameter(torch.zeros(middle, end))
        else:
            self.attn_shortcut_Q = self.mlp_shortcut_Q = None

    @staticmethod
    def shortcut(x, matrix):
        return x if matrix is None else x @ matrix

    def forward(self, x, positions, masks, cache, **kwargs):
        attended = self.self_attn(self.input_layernorm(x), positions,
                                  masks[self.window], cache, **kwargs)
        x = self.shortcut(x, self.attn_shortcut_Q) + attended
        return (self.shortcut(x, self.mlp_shortcut_Q)
                + self.mlp(self.post_attention_layernorm(x)))


class SlimcPreTrainedModel(PreTrainedModel):
    config_class = SlimcConfig
    base_model_prefix = "model"
    _no_split_modules = ["SlimcLayer"]
    _supports_sdpa = True
    _supports_cache_class = True
    _supports_attention_backend = True

    def _init_weights(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            module.weight.data.normal_(0.0, 0.02)
            if getattr(module, "bias", None) is not None:
                module.bias.data.zero_()


def causal_mask(length, past, window, padding, dtype, device):
    """Added to scores: 0 where a query may look, the lowest number elsewhere.
    A query that sees only padding looks at everything, so that no softmax is
    over nothing."""
    queries = torch.arange(past, past + length, device=device)[:, None]
    keys = torch.arange(past + length, device=device)[None, :]
    seen = keys <= queries
    if window:
        seen = seen & (keys > queries - window)
    seen = seen[None, None]
    if padding is not None:
        seen = seen & padding[:, None, None, :].bool()
    seen = seen | ~seen.any(-1, keepdim=True)
    return torch.zeros(seen.shape, dtype=dtype, device=device).masked_fill(
        ~seen, torch.finfo(dtype).min)


class SlimcModel(SlimcPreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        model = config.slimc["model"]
        self.embed_tokens = nn.Embedding(model["vocab"], model["sites"][0])
        self.layers = nn.ModuleList(SlimcLayer(config, i)
                                    for i in range(len(model["layers"])))
        self.norm = SlimcNorm(model["sites"][-1], model)
        self.post_init()

    def get_input_embeddings(self):
        return self.embed_tokens

    def set_input_embeddings(self, value):
        self.embed_tokens = value

    def forward(self, input_ids=None, attention_mask=None, position_ids=None,
                past_key_values=None, inputs_embeds=None, use_cache=None,
                return_dict=None, output_attentions=None,
                output_hidden_states=None, cache_position=None, **kwargs):
        x = self.embed_tokens(input_ids) if inputs_embeds is None \
            else inputs_embeds
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache()
        past = past_key_values.get_seq_length() if past_key_values is not None \
            else 0
        length = x.shape[1]
        if position_ids is None and attention_mask is not None:
            position_ids = (attention_mask.long().cumsum(-1) - 1).clamp(0)
            position_ids = position_ids[:, past:past + length]
        if position_ids is None:
            position_ids = torch.arange(past, past + length,
                                        device=x.device)[None]
        masks = {window: causal_mask(length, past, window, attention_mask,
                                     x.dtype, x.device)
                 for window in {layer.window for layer in self.layers}}
        states = [x]
        for layer in self.layers:
            x = layer(x, position_ids, masks, past_key_values, **kwargs)
            states.append(x)
        x = self.norm(x)
        states[-1] = x
        return BaseModelOutputWithPast(
            last_hidden_state=x, past_key_values=past_key_values,
            hidden_states=tuple(states) if output_hidden_states else None)


# Where head and embedding share one matrix: 4.x wants a list, 5.x a map.
TIED = {"lm_head.weight": "model.embed_tokens.weight"}
if int(transformers.__version__.split(".")[0]) < 5:
    TIED = list(TIED)


class SlimcForCausalLM(SlimcPreTrainedModel, GenerationMixin):
    _tied_weights_keys = TIED

    def __init__(self, config):
        super().__init__(config)
        model = config.slimc["model"]
        self.model = SlimcModel(config)
        self.lm_head = nn.Linear(model["sites"][-1], model["vocab"],
                                 bias=False)
        self.post_init()

    def get_output_embeddings(self):
        return self.lm_head

    def set_output_embeddings(self, value):
        self.lm_head = value

    def forward(self, input_ids=None, attention_mask=None, position_ids=None,
                past_key_values=None, inputs_embeds=None, labels=None,
                use_cache=None, logits_to_keep=0, **kwargs):
        kwargs.pop("return_dict", None)
        out = self.model(input_ids, attention_mask, position_ids,
                         past_key_values, inputs_embeds, use_cache, **kwargs)
        hidden = out.last_hidden_state
        if isinstance(logits_to_keep, int):
            hidden = hidden[:, -logits_to_keep:] if logits_to_keep else hidden
        else:
            hidden = hidden[:, logits_to_keep]
        logits = self.lm_head(hidden)
        loss = None
        if labels is not None:
            loss = functional.cross_entropy(
                logits[:, :-1].float().flatten(0, 1), labels[:, 1:].flatten(),
                ignore_index=-100)
        return CausalLMOutputWithPast(
            loss=loss, logits=logits, past_key_values=out.past_key_values,
            hidden_states=out.hidden_states)


# save_pretrained then copies these files beside the weights.
SlimcConfig.register_for_auto_class()
SlimcModel.register_for_auto_class("AutoModel")
SlimcForCausalLM.register_for_auto_class("AutoModelForCausalLM")
