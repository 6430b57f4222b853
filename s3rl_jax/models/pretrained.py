"""Public wav2vec 2.0 checkpoints (PyTorch layout, safetensors) -> our parameters."""

import re

import numpy as np
from flax import traverse_util

from s3rl_jax.models.wav2vec2 import Wav2Vec2Config


class Misfit(Exception):
    """A checkpoint whose tensors are not those of the configuration; names them."""


def config_from(published: dict) -> Wav2Vec2Config:
    """Our sizes out of a checkpoint's config.json."""
    return Wav2Vec2Config(
        conv_dim=tuple(published["conv_dim"]),
        conv_kernel=tuple(published["conv_kernel"]),
        conv_stride=tuple(published["conv_stride"]),
        conv_bias=published["conv_bias"],
        conv_norm=published["feat_extract_norm"],
        hidden_size=published["hidden_size"],
        layers=published["num_hidden_layers"],
        heads=published["num_attention_heads"],
        ffn_size=published["intermediate_size"],
        position_kernel=published["num_conv_pos_embeddings"],
        position_groups=published["num_conv_pos_embedding_groups"],
        pre_norm=published["do_stable_layer_norm"],
        codebook_groups=published["num_codevector_groups"],
        codebook_entries=published["num_codevectors_per_group"],
        codebook_dim=published["codevector_dim"],
        projection_dim=published["proj_codevector_dim"],
        norm_epsilon=published["layer_norm_eps"],
    )


def params_from(tensors: dict[str, np.ndarray], config: Wav2Vec2Config) -> dict:
    """Our parameters out of the tensors of a Wav2Vec2ForPreTraining.

    Raises:
      Misfit: naming every tensor for which there is no place.
    """
    ours, unknown = {}, []
    for name, tensor in tensors.items():
        path = _place(name.removeprefix("wav2vec2."))
        if path is None:
            unknown.append(name)
        else:
            ours[path] = _layout(path, np.asarray(tensor), config)
    if unknown:
        raise Misfit(f"tensors without a place: {', '.join(sorted(unknown))}")
    return traverse_util.unflatten_dict(ours)


_LEAVES = {"weight": "kernel", "bias": "bias"}
_NORMS = ("layer_norm", "final_layer_norm", "feature_norm", "encoder_norm")
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
    (r"encoder\.layers\.(\d+)\.attention\.(\w_proj|out_proj)\.(weight|bias)", r"encoder_layers_\1/\2/\3"),
    (r"encoder\.layers\.(\d+)\.(layer_norm|final_layer_norm)\.(weight|bias)", r"encoder_layers_\1/\2/\3"),
    (r"encoder\.layers\.(\d+)\.feed_forward\.(intermediate|output)_dense\.(weight|bias)", r"encoder_layers_\1/\2/\3"),
    (r"quantizer\.codevectors", "quantizer/codevectors"),
    (r"quantizer\.weight_proj\.(weight|bias)", r"quantizer/weight_proj/\1"),
    (r"project_q\.(weight|bias)", r"project_codes/\1"),
    (r"project_hid\.(weight|bias)", r"project_hidden/\1"),
)


def _place(name: str) -> tuple[str, ...] | None:
    for pattern, path in _RULES:
        if match := re.fullmatch(pattern, name):
            *modules, leaf = match.expand(path).split("/")
            if leaf == "weight" and (modules[-1] in _NORMS or modules[-1].startswith("norm_")):
                leaf = "scale"
            return (*modules, _LEAVES.get(leaf, leaf))
    return None


def _layout(path: tuple[str, ...], tensor: np.ndarray, config: Wav2Vec2Config) -> np.ndarray:
    heads, size = config.heads, config.hidden_size // config.heads
    module, leaf = path[-2] if len(path) > 1 else "", path[-1]
    if module == "position" and leaf in ("weight_g", "weight_v"):
        return tensor.transpose(2, 1, 0)  # out, in, tap -> tap, in, out
    if module == "quantizer" and leaf == "codevectors":
        return tensor.reshape(config.codebook_groups, config.codebook_entries, -1)
    if leaf == "kernel" and tensor.ndim == 3:
        return tensor.transpose(2, 1, 0)
    if module in ("q_proj", "k_proj", "v_proj"):
        return tensor.T.reshape(-1, heads, size) if leaf == "kernel" else tensor.reshape(heads, size)
    if module == "out_proj" and leaf == "kernel":
        return tensor.T.reshape(heads, size, -1)
    return tensor.T if leaf == "kernel" else tensor
