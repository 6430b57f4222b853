"""Published wav2vec 2.0, HuBERT and WavLM checkpoints (config.json and safetensors) -> our configuration and parameters."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from s3rl_jax.models.teacher.tensor_names import IGNORED, layout, place
from s3rl_jax.models.teacher.wav2vec2 import Wav2Vec2, Wav2Vec2Config

ARCHITECTURES = ("wav2vec2", "hubert", "wavlm")
# What a model may have beyond these is arithmetic that we do not do: better no teacher than a wrong one.
_REQUIRED = {
    "hidden_act": "gelu",
    "feat_extract_activation": "gelu",
    "add_adapter": False,
    "adapter_attn_dim": None,
    "conv_pos_batch_norm": False,
}


class Misfit(Exception):
    """A checkpoint that is not one of a model we compute; says which field or tensor, and what is expected."""


class Published(NamedTuple):
    """A published model, and the names of its tensors that are no part of a teacher."""

    config: Wav2Vec2Config
    params: dict[str, Any]
    ignored: list[str]


def read_published(folder: Path) -> Published:
    """Reads config.json, model.safetensors (or its shards) and, if there is one, preprocessor_config.json.

    Raises:
      Misfit: for another architecture, a pickle, a missing, unknown or misshapen tensor, named.
    """
    published = _json(folder / "config.json")
    tensors = _tensors(folder)
    preprocessor = folder / "preprocessor_config.json"
    normalise = _json(preprocessor).get("do_normalize", True) if preprocessor.is_file() else True
    config = config_from(published, has_quantizer="quantizer.codevectors" in tensors, normalise_audio=bool(normalise))
    return Published(config, *params_from(tensors, config))


def config_from(published: dict, has_quantizer: bool = True, normalise_audio: bool = True) -> Wav2Vec2Config:
    """Our sizes out of a checkpoint's config.json.

    Raises:
      Misfit: naming the field of a model that we do not compute.
    """
    if published.get("model_type") not in ARCHITECTURES:
        raise Misfit(f"config.json: model_type {published.get('model_type')!r}; expected one of {', '.join(ARCHITECTURES)}")
    for field, wanted in _REQUIRED.items():
        if published.get(field, wanted) != wanted:
            raise Misfit(f"config.json: {field} {published[field]!r}; expected {wanted!r}")
    codebook = {}
    if has_quantizer:
        codebook = {
            "codebook_groups": published["num_codevector_groups"],
            "codebook_entries": published["num_codevectors_per_group"],
            "codebook_dim": published["codevector_dim"],
            "projection_dim": published["proj_codevector_dim"],
        }
    try:
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
            feature_norm=published.get("feat_proj_layer_norm", True),
            mask_embedding=published.get("mask_time_prob", 0.05) > 0 or published.get("mask_feature_prob", 0.0) > 0,
            relative_buckets=published["num_buckets"] if published["model_type"] == "wavlm" else 0,
            relative_distance=published.get("max_bucket_distance", 800),
            quantizer=has_quantizer,
            normalise_audio=normalise_audio,
            norm_epsilon=published["layer_norm_eps"],
            **codebook,
        )
    except KeyError as error:
        raise Misfit(f"config.json: no field {error.args[0]!r}") from error


def params_from(tensors: dict[str, np.ndarray], config: Wav2Vec2Config) -> tuple[dict, list[str]]:
    """Our parameters out of a checkpoint's tensors, in float32, and the names of those that were left out.

    Raises:
      Misfit: naming every tensor that has no place, is missing, or has another shape than the configuration says.
    """
    ours, ignored, wrong = {}, [], []
    expected = traverse_util.flatten_dict(expected_shapes(config))
    for name, tensor in tensors.items():
        inner = name.removeprefix(next((f"{a}." for a in ARCHITECTURES if name.startswith(f"{a}.")), ""))
        path = place(inner)
        if path in expected:
            try:
                ours[path] = layout(path, np.asarray(tensor, np.float32), config)
            except ValueError:
                ours[path] = tensor
            if ours[path].shape != expected[path].shape:
                wrong.append(f"{name} has shape {list(tensor.shape)}, which config.json does not give it")
        elif IGNORED.fullmatch(inner):
            ignored.append(name)
        else:
            wrong.append(f"{name} has no place in the model")
    wrong += [f"no tensor for {'/'.join(path)}" for path in expected if path not in ours]
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise Misfit(f"model.safetensors: {'; '.join(wrong[:5])}{more}")
    return traverse_util.unflatten_dict(ours), sorted(ignored)


def expected_shapes(config: Wav2Vec2Config) -> dict:
    """Shapes of all parameters of a teacher."""
    frames = config.frame_count(1600)
    audio, valid = jnp.zeros((1, 1600)), jnp.ones((1, frames), bool)
    return jax.eval_shape(lambda: Wav2Vec2(config).init(jax.random.key(0), audio, valid))["params"]


def _json(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Misfit(f"{path.name}: cannot be read: {error}") from error


def _tensors(folder: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.flax import load_file

    index = folder / "model.safetensors.index.json"
    names = sorted(set(_json(index)["weight_map"].values())) if index.is_file() else ["model.safetensors"]
    tensors = {}
    for name in names:
        path = folder / name
        if path.parent != folder or not path.is_file():
            raise Misfit(_no_safetensors(folder, name))
        try:
            tensors |= load_file(path)
        except (SafetensorError, OSError) as error:
            raise Misfit(f"{name}: not a safetensors file: {error}") from error
    return tensors


def _no_safetensors(folder: Path, name: str) -> str:
    pickles = [path.name for path in sorted(folder.iterdir()) if path.suffix in (".bin", ".pt", ".pth", ".ckpt")]
    if not pickles:
        return f"no {name} there"
    return (
        f"{pickles[0]} is a pickle, which can run a stranger's code, and is not read; expected {name}. To convert it where "
        f'you trust it: python -c "from transformers import AutoModelForPreTraining as A; '
        f"A.from_pretrained('{folder}').save_pretrained('{folder}-safe')\""
    )
