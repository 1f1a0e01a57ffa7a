"""Changes the keys of a config.json and holds slimc to transformers.

usage: keys.py SLIMC LOGITS_PROGRAM FAMILIES_DIR [MODEL_TYPE..]

For every row of the table below a random model is made with that config.json.
slimc has to compute what transformers computes, or to refuse the model. What it
saves has to compute the same in transformers, as a stock class and with slimc's
own code: keys that only some versions read must not be lost. FAMILIES_DIR holds
the family files to use.
"""
import copy
import json
import os
import subprocess
import sys
import tempfile

import numpy
import torch
import transformers

TOLERANCE = 1e-3  # of the logits' standard deviation
CUT = 'score l2\nprune 25% of groups in mlp layers 1\n'
OLD = int(transformers.__version__.split('.')[0]) < 5
ABSENT = object()

SIZES = {'hidden_size': 32, 'num_hidden_layers': 2, 'vocab_size': 40,
         'max_position_embeddings': 32, 'num_attention_heads': 4}
GATED = {**SIZES, 'intermediate_size': 12, 'num_key_value_heads': 2}
LINEAR = {'rope_type': 'linear', 'factor': 2.0}
WAVES = {'rope_type': 'llama3', 'factor': 8.0, 'low_freq_factor': 1.0,
         'high_freq_factor': 4.0, 'original_max_position_embeddings': 8}
LISTS = {'short_factor': [1.0, 1.1, 1.5, 2.0],
         'long_factor': [2.0, 2.5, 3.0, 4.0]}


def each(key, *values):
    return [{key: value} for value in values]


def turned(**keys):
    """What transformers 5 has in one object."""
    return {'rope_parameters': {'rope_type': 'default', 'rope_theta': 500.0,
                                **keys}}


ROPE = [
    *each('rope_theta', 500.0, ABSENT),
    *each('rope_scaling', LINEAR, {'type': 'linear', 'factor': 2.0}, WAVES,
          {'rope_type': 'dynamic', 'factor': 2.0},
          {'rope_type': 'yarn', 'factor': 2.0,
           'original_max_position_embeddings': 16}),
    turned(), turned(**LINEAR), turned(**WAVES),
    {**turned(), 'rope_theta': 700.0}, {**turned(), 'rope_theta': ABSENT},
    {**turned(), 'rope_scaling': LINEAR, 'rope_theta': 500.0},
    {'rope_scaling': {**LINEAR, 'rope_theta': 300.0}, 'rope_theta': 500.0},
]
TURNED_PART = [*each('partial_rotary_factor', 0.25, 1.0, ABSENT),
               turned(partial_rotary_factor=0.25),
               turned(**LINEAR, partial_rotary_factor=0.75)]
ACTIVATIONS = each('hidden_act', 'gelu', 'relu', 'gelu_new', 'swish', 'silu',
                   'gelu_pytorch_tanh', 'gelu_fast', 'quick_gelu', ABSENT)
TIED = each('tie_word_embeddings', True, False, ABSENT)
WINDOW = {'use_sliding_window': True, 'sliding_window': 4}
GROUPED = {'new_decoder_architecture': True, 'num_kv_heads': 2}

TABLE = {
    'llama': (GATED, [
        {}, *ROPE, *ACTIVATIONS, *TIED, *each('attention_bias', True),
        *each('mlp_bias', True), *each('head_dim', 6, None),
        *each('num_key_value_heads', 4, None, ABSENT),
        *each('rms_norm_eps', 1e-2), *each('pretraining_tp', 2)]),
    'mistral': (GATED, [
        {}, *ROPE, *ACTIVATIONS, *TIED, *each('sliding_window', 4, None),
        *each('head_dim', 6, None), *each('rms_norm_eps', 1e-2)]),
    'qwen2': (GATED, [
        {}, *ROPE, *ACTIVATIONS, *TIED, {**WINDOW, 'max_window_layers': 1},
        {**WINDOW, 'max_window_layers': 0}, WINDOW,
        {**WINDOW, 'layer_types': ['sliding_attention', 'full_attention']},
        *each('sliding_window', 4), *each('num_key_value_heads', 4, None)]),
    'gemma': ({**GATED, 'head_dim': 6}, [
        {}, *ROPE, *TIED,
        *each('hidden_act', 'gelu', 'gelu_pytorch_tanh', 'relu', ABSENT),
        *each('hidden_activation', 'gelu', 'gelu_pytorch_tanh', None),
        {'hidden_act': 'gelu', 'hidden_activation': None},
        *each('attention_bias', True), *each('rms_norm_eps', 1e-2),
        *each('use_bidirectional_attention', True)]),
    'phi': ({**SIZES, 'intermediate_size': 12}, [
        {}, *ROPE, *ACTIVATIONS, *TIED, *TURNED_PART,
        *each('qk_layernorm', True), *each('num_key_value_heads', 2, None),
        *each('layer_norm_eps', 1e-2)]),
    'phi3': ({**GATED, 'pad_token_id': 0}, [
        {}, *ROPE, *ACTIVATIONS, *TIED, *TURNED_PART,
        *each('sliding_window', 4, None), turned(**LISTS, rope_type='longrope'),
        *({'original_max_position_embeddings': size,
           'rope_scaling': {'type': name, **LISTS}}
          for size in (8, 64) for name in ('longrope', 'su', 'yarn')),
        *({'original_max_position_embeddings': size,
           **turned(**LISTS, rope_type='longrope')} for size in (8, 64)),
        {'original_max_position_embeddings': 8,
         **turned(**LISTS, rope_type='longrope', attention_factor=1.5)},
        turned(**LISTS, rope_type='longrope',
               original_max_position_embeddings=8)]),
    'opt': ({**SIZES, 'ffn_dim': 12, 'word_embed_proj_dim': 32}, [
        {}, *TIED, *each('activation_function', 'gelu', 'relu', 'silu'),
        *each('enable_bias', False), *each('layer_norm_elementwise_affine',
                                           False),
        *each('_remove_final_layer_norm', True), *each('word_embed_proj_dim',
                                                       8),
        {'do_layer_norm_before': False},
        *({'do_layer_norm_before': False, 'word_embed_proj_dim': 8, **more}
          for more in ({}, {'enable_bias': False},
                       {'tie_word_embeddings': False}))]),
    'bloom': ({'n_layer': 2, 'n_head': 4, 'hidden_size': 32,
               'vocab_size': 40}, [
        {}, *TIED, *each('n_head', 2), *each('n_embed', 64),
        {'hidden_size': ABSENT, 'n_embed': 32},
        {'n_layer': ABSENT, 'num_hidden_layers': 2},
        {'n_head': ABSENT, 'num_attention_heads': 4},
        *each('apply_residual_connection_post_layernorm', True),
        *each('layer_norm_epsilon', 1e-2),
        {'slow_but_exact': True, 'pretraining_tp': 2}]),
    'gpt2': ({'n_layer': 2, 'n_head': 4, 'n_embd': 32, 'vocab_size': 40,
              'n_positions': 32}, [
        {}, *TIED, *each('n_inner', 12, None),
        *each('activation_function', 'gelu', 'relu', 'gelu_new', ABSENT),
        *each('scale_attn_weights', False), *each('layer_norm_epsilon', 1e-2),
        *each('scale_attn_by_inverse_layer_idx', True),
        *each('reorder_and_upcast_attn', True),
        *each('add_cross_attention', True)]),
    'gpt_neox': ({**SIZES, 'hidden_size': 64, 'intermediate_size': 12}, [
        {}, *ROPE, *TIED, *TURNED_PART, *each('rotary_pct', 0.5),
        *each('rotary_emb_base', 500.0), *each('attention_bias', False),
        *each('use_parallel_residual', False), *each('layer_norm_eps', 1e-2),
        *each('hidden_act', 'relu', 'gelu_fast', 'gelu_new')]),
    'cohere': ({**GATED, 'pad_token_id': 0, 'rope_theta': 1e4}, [
        {}, *ROPE, *TIED, *each('hidden_act', 'gelu', 'relu'),
        *each('logit_scale', 0.3, ABSENT), *each('attention_bias', True),
        *each('use_qk_norm', True), *each('num_key_value_heads', None),
        *each('layer_norm_eps', 1e-2)]),
    'falcon': ({**SIZES, 'ffn_hidden_size': 12}, [
        {}, *ROPE, *TIED, GROUPED, *each('multi_query', False),
        *each('parallel_attn', False), *each('alibi', True),
        *({**GROUPED, **more} for more in (
            {'num_ln_in_parallel_attn': 1}, {'num_ln_in_parallel_attn': 2},
            {'bias': True})),
        *each('new_decoder_architecture', True, False, ABSENT),
        {'multi_query': False, 'parallel_attn': False},
        {'alibi': True, 'multi_query': False, 'parallel_attn': False},
        {'multi_query': True, 'num_kv_heads': 2}, *each('bias', True),
        *each('activation', 'relu'), *each('ffn_hidden_size', ABSENT),
        *each('layer_norm_epsilon', 1e-2)]),
    'stablelm': (GATED, [
        {}, *ROPE, *TIED, *TURNED_PART, *each('use_qkv_bias', True),
        *each('hidden_act', 'gelu', 'relu'), *each('qk_layernorm', True),
        *each('use_parallel_residual', True), *each('layer_norm_eps', 1e-2),
        {'use_parallel_residual': True, 'use_qkv_bias': True}]),
}


def passed_over(model_type, change):
    """Where this version of transformers is no judge, the reason."""
    if OLD and 'rope_parameters' in change:
        return 'this version does not know "rope_parameters"'
    if OLD and model_type == 'gemma' and change.get('hidden_act') == 'gelu':
        return 'this version takes "gelu" by its word'
    return None


def beyond(model_type, change):
    """Whether this version has no class for what the keys say."""
    keys = {**change, **change.get('rope_parameters', {})}
    windows = model_type == 'qwen2' and 'use_sliding_window' in keys
    turns = model_type == 'phi3' and (
        keys.get('partial_rotary_factor') in (0.25, 0.75) or
        'attention_factor' in keys)
    return OLD and (windows or turns)


def make(folder, config):
    """A random model with that config.json: its own, to the letter."""
    known = transformers.AutoConfig.for_model(config['model_type'])
    # rotary keys do not change the weights, and not all versions know them all
    plain = {key: value for key, value in config.items()
             if not key.startswith('rope_')}
    torch.manual_seed(1)
    model = transformers.AutoModelForCausalLM.from_config(
        type(known).from_dict(copy.deepcopy(plain))).float()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            gain = weight.dim() == 1 and name.endswith('weight')
            weight.copy_(torch.randn_like(weight) * 0.3 + gain)
    model.save_pretrained(folder)
    with open(folder + '/config.json', 'w', encoding='utf-8') as file:
        json.dump({**config, 'torch_dtype': 'float32'}, file)


def theirs(folder, ids):
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, attn_implementation='eager', torch_dtype=torch.float32,
        trust_remote_code=True)
    with torch.no_grad():
        return model.eval()(torch.tensor([ids])).logits[0].numpy()


def ours(program, folder, ids):
    """None, and what was said, where the model is refused."""
    done = subprocess.run([program, folder, *map(str, ids)], check=False,
                          capture_output=True)
    said = [line.split(': ', 1)[1] for line in
            done.stderr.decode().split('\n') if 'error[' in line]
    if done.returncode:
        return None, said[0] if said else 'no reason'
    return numpy.frombuffer(done.stdout, numpy.float32), ''


def apart(a, b):
    return numpy.abs(a.reshape(b.shape) - b).max() / b.std()


def save_again(slimc, folder, work, stages):
    """What a recipe of those stages saves, and whether as a stock class."""
    with open(work + '/r.slim', 'w', encoding='utf-8') as file:
        file.write(f'slim 1\n{stages}save hf "{work}/saved"\n')
    subprocess.run([slimc, 'run', '-q', '--force', '--store', 'none',
                    work + '/r.slim', folder], check=True, capture_output=True)
    with open(work + '/saved/config.json', encoding='utf-8') as file:
        return work + '/saved', 'slimc' not in json.load(file)


def check_saved(slimc, program, folder, work, ids):
    """The verdict on what is saved without a change, and as remote code: one
    layer loses a part that the other keeps."""
    saved, stock = save_again(slimc, folder, work, '')
    have = ours(program, folder, ids)[0]
    if stock and apart(have, theirs(saved, ids)) > TOLERANCE:
        return 'SAVED DIFFERS', ''
    saved, stock = save_again(slimc, folder, work, CUT)
    have = ours(program, saved, ids)[0]
    if stock or apart(have, theirs(saved, ids)) > TOLERANCE:
        return 'SAVED WITH CODE DIFFERS', ''
    return 'equal', ''


def check(slimc, program, config, change):
    """A verdict and its reason."""
    count = config['vocab_size'] - 2
    ids = [(7 * i * i + 3 * i + 5) % count + 2 for i in range(24)]
    with tempfile.TemporaryDirectory() as work:
        folder = work + '/model'
        try:
            make(folder, config)
        except Exception as error:  # of many kinds: the config is no good
            return 'none', str(error).split('\n', maxsplit=1)[0][:90]
        have, said = ours(program, folder, ids)
        if have is None:
            return 'refused', said
        if beyond(config['model_type'], change):
            return 'none', 'this version cannot, or in one backend only'
        reason = passed_over(config['model_type'], change)
        try:
            want = have if reason else theirs(folder, ids)
        except Exception as error:
            return 'none', str(error).split('\n', maxsplit=1)[0][:90]
        if apart(have, want) > TOLERANCE:
            return 'DIFFERS', f'{apart(have, want):.0e} sd'
        verdict, said = check_saved(slimc, program, folder, work, ids)
        return verdict, said or reason or ''


def text_of(change):
    return ', '.join(
        f'{key} {"absent" if value is ABSENT else json.dumps(value)}'
        for key, value in change.items()) or 'nothing'


def main():
    slimc, program, families = sys.argv[1:4]
    wrong = 0
    transformers.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as share:
        here = os.path.dirname(os.path.abspath(__file__))
        os.symlink(os.path.abspath(families), share + '/families')
        os.symlink(here + '/../../runtime/format/python', share + '/python')
        os.environ['SLIMC_SHARE'] = share
        for model_type in sys.argv[4:] or TABLE:
            base, changes = TABLE[model_type]
            for change in changes:
                config = {'model_type': model_type, **base, **change}
                config = {key: value for key, value in config.items()
                          if value is not ABSENT}
                verdict, why = check(slimc, program, config, change)
                print(f'{verdict}: {model_type}: {text_of(change)}'
                      f'{": " if why else ""}{why}', flush=True)
                wrong += verdict.isupper()
    print(f'transformers {transformers.__version__}: {wrong} differ')
    sys.exit(1 if wrong else 0)


main()
