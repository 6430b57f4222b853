"""wav2vec 2.0, HuBERT and WavLM as a teacher family: reading config.json, and the outputs of the model."""

from collections.abc import Collection

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from s3rl_jax.audio.masking import valid_frames
from s3rl_jax.models.teacher.family import Family, UnsupportedCheckpoint, require
from s3rl_jax.models.teacher.wav2vec2 import Wav2Vec2, Wav2Vec2Config, normalise
from s3rl_jax.models.teacher.wav2vec2_tensors import IGNORED, parameter_layout, parameter_path

# Models with other values compute something that is not implemented here.
REQUIRED = {
    "hidden_act": "gelu",
    "feat_extract_activation": "gelu",
    "add_adapter": False,
    "adapter_attn_dim": None,
    "conv_pos_batch_norm": False,
}


def read_config(published: dict, preprocessor: dict, tensors: Collection[str]) -> Wav2Vec2Config:
    """Reads the sizes from a checkpoint's config.json.

    Args:
      published: config.json.
      preprocessor: preprocessor_config.json; empty if there is none.
      tensors: names of the tensors.

    Raises:
      UnsupportedCheckpoint: if a field is missing, or has a value that is not implemented; names the field.
    """
    require(published, REQUIRED)
    quantizer = "quantizer.codevectors" in tensors
    try:
        codebook = {
            ours: published[theirs]
            for ours, theirs in (
                ("codebook_groups", "num_codevector_groups"),
                ("codebook_entries", "num_codevectors_per_group"),
                ("codebook_dim", "codevector_dim"),
                ("projection_dim", "proj_codevector_dim"),
            )
            if quantizer
        }
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
            quantizer=quantizer,
            normalise_audio=bool(preprocessor.get("do_normalize", True)),
            norm_epsilon=published["layer_norm_eps"],
            **codebook,
        )
    except KeyError as error:
        raise UnsupportedCheckpoint(f"config.json: no field {error.args[0]!r}") from error


def parameter_shapes(config: Wav2Vec2Config) -> dict:
    """Shapes of all parameters, as a tree of `jax.ShapeDtypeStruct`."""
    frames = config.frame_count(1600)
    audio, valid = jnp.zeros((1, 1600)), jnp.ones((1, frames), bool)
    return jax.eval_shape(lambda: Wav2Vec2(config).init(jax.random.key(0), audio, valid))["params"]


def latents(
    config: Wav2Vec2Config, params: dict, audio: Float[Array, "batch samples"], length: Int[Array, "batch"], time: int
) -> Float[Array, "batch {time} features"]:
    """First `time` frames of the convolutions' output, in the dtype of the parameters."""
    if config.normalise_audio:
        audio = normalise(audio, valid_frames(length, audio.shape[1]))
    # A layer computes in the wider dtype of its input and its parameters.
    audio = audio.astype(params["feature_projection"]["kernel"].dtype)
    return Wav2Vec2(config).apply({"params": params}, audio, method="latents")[:, :time]


def hidden_states(
    config: Wav2Vec2Config, params: dict, latents: Float[Array, "batch time features"], valid: Bool[Array, "batch time"]
) -> list[Float[Array, "batch time dim"]]:
    """The transformer's input and the output of each layer."""
    return Wav2Vec2(config).apply({"params": params}, latents, valid, method="hidden")


def code_indices(
    config: Wav2Vec2Config, params: dict, latents: Float[Array, "batch time features"]
) -> Int[Array, "batch time groups"]:
    """Indices of the entries that the model's quantiser selects."""
    return Wav2Vec2(config).apply({"params": params}, latents, method="codes")[2].astype(jnp.int32)


WAV2VEC2 = Family(
    config_class=Wav2Vec2Config,
    read_config=read_config,
    prefixes=("wav2vec2.", "hubert.", "wavlm."),
    ignored=IGNORED,
    parameter_path=parameter_path,
    parameter_layout=parameter_layout,
    parameter_shapes=parameter_shapes,
    front_end=latents,
    hidden_states=hidden_states,
    code_indices=code_indices,
)
