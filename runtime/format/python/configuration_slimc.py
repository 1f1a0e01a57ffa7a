"""Configuration of a model that slimc made smaller.

The `slimc` entry of config.json holds the model: `model.before`,
`model.layers` and `model.after` are its blocks in order, with their settings
and the names and sizes of their tensors; `model.sites` is the width of the
residual stream after the embedding and after every addition.
"""
from transformers import PretrainedConfig


def first_of(model, kind):
    """The first block of a kind in the first layer, or nothing."""
    for block in (model.get("layers") or [[]])[0]:
        if block["kind"] == kind:
            return block
    return {}


class SlimcConfig(PretrainedConfig):
    model_type = "slimc"

    def __init__(self, slimc=None, vocab_size=None, hidden_size=None,
                 num_hidden_layers=None, **kwargs):
        model = (slimc or {}).get("model", {})
        attention = first_of(model, "attention")
        table = (model.get("before") or [{}])[0].get("tensors", {})
        self.slimc = slimc or {}
        self.vocab_size = vocab_size or (
            table["weight"]["size"][0] if table else 0)
        self.hidden_size = hidden_size or (model.get("sites") or [0])[0]
        self.num_hidden_layers = num_hidden_layers or len(
            model.get("layers", []))
        self.num_attention_heads = attention.get("heads", 0)
        self.num_key_value_heads = attention.get("kv_heads", 0)
        self.head_dim = attention.get("head_dim", 0)
        # Names that transformers gives a meaning of its own; what they say is
        # in `slimc`.
        for name in ("num_attention_heads", "num_key_value_heads", "head_dim",
                     "rope_scaling", "rope_parameters", "layer_types",
                     "per_layer_config", "sliding_window"):
            kwargs.pop(name, None)
        super().__init__(**kwargs)
