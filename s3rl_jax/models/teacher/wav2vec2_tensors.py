"""Tensors of a published wav2vec 2.0, HuBERT or WavLM: their paths and layout in our parameters."""

import re

import numpy as np

from s3rl_jax.models.teacher.wav2vec2 import Wav2Vec2Config

# Tensors that are no part of a teacher: heads of fine-tuned models, and parts that only pre-training uses.
IGNORED = re.compile(
    r"(lm_head|classifier|projector|final_proj|label_embs_concat|layer_weights|tdnn|objective|"
    r"feature_extractor\.(?!conv_layers))\b.*"
)

_LEAVES = {"weight": "kernel", "bias": "bias"}
_NORMS = ("layer_norm", "final_layer_norm", "feature_norm", "encoder_norm")
_LAYER = r"encoder\.layers\.(\d+)\."
_RULES = (
    (r"masked_spec_embed", "mask_embedding"),
    (r"feature_extractor\.conv_layers\.(\d+)\.conv\.(weight|bias)", r"feature_extractor/conv_\1/\2"),
    (r"feature_extractor\.conv_layers\.(\d+)\.layer_norm\.(weight|bias)", r"feature_extractor/norm_\1/\2"),
    (r"feature_projection\.layer_norm\.(weight|bias)", r"feature_norm/\1"),
    (r"feature_projection\.projection\.(weight|bias)", r"feature_projection/\1"),
    (r"encoder\.pos_conv_embed\.conv\.(?:weight_g|parametrizations\.weight\.original0)", "position/weight_g"),
    (r"encoder\.pos_conv_embed\.conv\.(?:weight_v|parametrizations\.weight\.original1)", "position/weight_v"),
    (r"encoder\.pos_conv_embed\.conv\.bias", "position/bias"),
    (r"encoder\.layer_norm\.(weight|bias)", r"encoder_norm/\1"),
    (_LAYER + r"attention\.(\w_proj|out_proj)\.(weight|bias)", r"encoder_layers_\1/\2/\3"),
    (_LAYER + r"(layer_norm|final_layer_norm)\.(weight|bias)", r"encoder_layers_\1/\2/\3"),
    (_LAYER + r"feed_forward\.(intermediate|output)_dense\.(weight|bias)", r"encoder_layers_\1/\2/\3"),
    (_LAYER + r"attention\.gru_rel_pos_linear\.(weight|bias)", r"encoder_layers_\1/position_gate/linear/\2"),
    (_LAYER + r"attention\.gru_rel_pos_const", r"encoder_layers_\1/position_gate/scale"),
    (r"encoder\.layers\.0\.attention\.rel_attn_embed\.weight", "relative_positions/embedding"),
    (r"quantizer\.codevectors", "quantizer/codevectors"),
    (r"quantizer\.weight_proj\.(weight|bias)", r"quantizer/weight_proj/\1"),
    (r"project_q\.(weight|bias)", r"project_codes/\1"),
    (r"project_hid\.(weight|bias)", r"project_hidden/\1"),
)


def parameter_path(name: str) -> tuple[str, ...] | None:
    """Maps the name of a tensor of PyTorch `transformers` to its path in our parameters; None if it has none."""
    for pattern, path in _RULES:
        if match := re.fullmatch(pattern, name):
            *modules, leaf = match.expand(path).split("/")
            if leaf == "weight" and (modules[-1] in _NORMS or modules[-1].startswith("norm_")):
                leaf = "scale"
            return (*modules, leaf if modules == ["relative_positions"] else _LEAVES.get(leaf, leaf))
    return None


def parameter_layout(path: tuple[str, ...], tensor: np.ndarray, config: Wav2Vec2Config) -> np.ndarray:
    """Transposes PyTorch's layout (out, in, tap) to ours (tap, in, out), and gives attention heads their own axis.

    Raises:
      ValueError: for a tensor with another number of elements or dimensions.
    """
    heads, size = config.heads, config.hidden_size // config.heads
    module, leaf = path[-2] if len(path) > 1 else "", path[-1]
    if module == "position" and leaf in ("weight_g", "weight_v"):
        return tensor.transpose(2, 1, 0)
    if module == "quantizer" and leaf == "codevectors":
        return tensor.reshape(config.codebook_groups, config.codebook_entries, -1)
    if module == "position_gate" and leaf == "scale":
        return tensor.reshape(heads)
    if leaf == "kernel" and tensor.ndim == 3:
        return tensor.transpose(2, 1, 0)
    if module in ("q_proj", "k_proj", "v_proj"):
        return tensor.T.reshape(-1, heads, size) if leaf == "kernel" else tensor.reshape(heads, size)
    if module == "out_proj" and leaf == "kernel":
        return tensor.T.reshape(heads, size, -1)
    return tensor.T if leaf == "kernel" else tensor
