"""Configuration of a model that slimc made smaller.

The sizes live in the `slimc` entry of config.json: `model.layers` has the head
counts, the MLP width and the position settings of every layer, `model.sites`
the width of the residual stream after the embedding and after every addition.
"""
from transformers import PretrainedConfig


class SlimcConfig(PretrainedConfig):
    model_type = "slimc"

    def __init__(self, slimc=None, vocab_size=None, hidden_size=None,
                 num_hidden_layers=None, **kwargs):
        model = (slimc or {}).get("model", {})
        layers = model.get("layers", [])
        first = layers[0]["attention"] if layers else {}
        self.slimc = slimc or {}
        self.vocab_size = vocab_size or model.get("vocab", 0)
        self.hidden_size = hidden_size or (model.get("sites") or [0])[0]
        self.num_hidden_layers = num_hidden_layers or len(layers)
        self.num_attention_heads = first.get("heads", 0)
        self.num_key_value_heads = first.get("kv_heads", 0)
        self.head_dim = first.get("head_dim", 0)
        # Names that transformers gives a meaning of its own; what they say is
        # in `slimc`.
        for name in ("num_attention_heads", "num_key_value_heads", "head_dim",
                     "rope_scaling", "rope_parameters", "layer_types",
                     "per_layer_config", "sliding_window"):
            kwargs.pop(name, None)
        super().__init__(**kwargs)
