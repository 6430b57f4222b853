"""Whisper's encoder as a teacher family (arXiv 2212.04356): log-mel, transformer, config.json, tensors.

It computes the same as PyTorch `transformers`, but audio shorter than 30 s is not padded: it takes the first positions.
"""

import dataclasses
import functools
import re
from collections.abc import Collection

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from s3rl_jax.audio.logmel import Count
from s3rl_jax.audio.masking import valid_frames
from s3rl_jax.audio.mel import mel_filters
from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.core.errors import UserError
from s3rl_jax.models.ops.attention import scaled_dot_product
from s3rl_jax.models.ops.dense import Dense, DenseGeneral
from s3rl_jax.models.ops.gelu import gelu
from s3rl_jax.models.teacher.family import Family, ParameterPath, UnsupportedCheckpoint, require

FFT, HOP = 400, 160  # samples: 25 ms windows, 10 ms apart
DYNAMIC_RANGE = 8.0  # log-mel is cut off at this many powers of ten below the loudest band of the utterance
NORM_EPSILON = 1e-5
# Models with other values compute something that is not implemented here.
REQUIRED_CONFIG = {"activation_function": "gelu", "scale_embedding": False}
REQUIRED_PREPROCESSOR = {"sampling_rate": SAMPLE_RATE, "n_fft": FFT, "hop_length": HOP}
IGNORED = re.compile(r"(decoder|proj_out|projector|classifier|layer_weights)\b.*")


@dataclasses.dataclass(frozen=True)
class WhisperConfig:
    """Sizes of an encoder; the defaults are Whisper tiny. `positions` is the largest number of 20 ms frames."""

    bands: int = 80
    hidden_size: int = 384
    layers: int = 4
    heads: int = 6
    ffn_size: int = 1536
    positions: int = 1500
    quantizer: bool = dataclasses.field(default=False, init=False)

    def frame_count(self, samples: Count) -> Count:
        """Number of 20 ms frames for `samples` samples; half a frame or more counts as one."""
        return (samples // HOP + 1) // 2

    def frame_centre(self) -> float:
        """Middle of the samples that frame 0 is computed from: sample 0, because windows and convolutions are centred."""
        return 0.0


def log_mel(audio: Float[Array, "batch samples"], bands: int) -> Float[Array, "batch frames bands"]:
    """Whisper's log-mel of audio in [-1, 1]: frame t, of 25 ms, is centred on sample 160 t.

    x = log10 of Slaney mel energies; values more than 8 below the utterance's greatest are raised to that; then (x + 4) / 4.
    """
    frames = audio.shape[-1] // HOP
    padded = jnp.pad(audio, ((0, 0), (FFT // 2, FFT // 2)), mode="reflect")
    windows = padded[:, np.arange(frames)[:, None] * HOP + np.arange(FFT)] * _hann()
    spectrum = jnp.fft.rfft(windows)
    power = jnp.square(spectrum.real) + jnp.square(spectrum.imag)
    energies = jnp.log10(jnp.maximum(power @ _mel_filters(bands), 1e-10))
    loudest = energies.max(axis=(1, 2), keepdims=True)
    return (jnp.maximum(energies, loudest - DYNAMIC_RANGE) + 4) / 4


@functools.cache
def _hann() -> Float[np.ndarray, "taps"]:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT) / FFT)).astype(np.float32)


@functools.cache
def _mel_filters(bands: int) -> Float[np.ndarray, "bins bands"]:
    return mel_filters(SAMPLE_RATE, FFT, bands)


class EncoderLayer(nn.Module):
    """Pre-norm self-attention and feed-forward network; the projection to keys has no bias."""

    heads: int
    ffn_size: int

    @nn.compact
    def __call__(self, x: Float[Array, "batch time dim"], attend: Bool[Array, "batch time"]) -> Float[Array, "batch time dim"]:
        head = (self.heads, x.shape[-1] // self.heads)
        y = nn.LayerNorm(epsilon=NORM_EPSILON, name="self_attn_layer_norm")(x)
        query, key, value = (
            DenseGeneral(head, use_bias=name != "k_proj", name=name)(y) for name in ("q_proj", "k_proj", "v_proj")
        )
        y = scaled_dot_product(query, key, value, attend[:, None])
        x = x + DenseGeneral(x.shape[-1], axis=(-2, -1), name="out_proj")(y)
        y = nn.LayerNorm(epsilon=NORM_EPSILON, name="final_layer_norm")(x)
        return x + Dense(x.shape[-1], name="fc2")(gelu(Dense(self.ffn_size, name="fc1")(y)))


class WhisperEncoder(nn.Module):
    """Two convolutions, the second of stride 2, then learned positions and transformer layers."""

    config: WhisperConfig

    @nn.compact
    def __call__(
        self, mel: Float[Array, "batch frames bands"], valid: Bool[Array, "batch time"]
    ) -> list[Float[Array, "batch time dim"]]:
        """The input of the first layer and the output of each layer, at the first `time` 20 ms frames.

        The final norm is applied to the output of the last layer.
        """
        config = self.config
        x = gelu(nn.Conv(config.hidden_size, (3,), padding=1, name="conv1")(mel))
        x = gelu(nn.Conv(config.hidden_size, (3,), (2,), padding=1, name="conv2")(x))[:, : valid.shape[1]]
        embedding = self.param("positions", nn.initializers.normal(0.02), (config.positions, config.hidden_size))
        hidden = [x + embedding[: x.shape[1]]]
        for i in range(config.layers):
            hidden.append(EncoderLayer(config.heads, config.ffn_size, name=f"layers_{i}")(hidden[-1], valid))
        return [*hidden[:-1], nn.LayerNorm(epsilon=NORM_EPSILON, name="layer_norm")(hidden[-1])]


def read_config(published: dict, preprocessor: dict, tensors: Collection[str]) -> WhisperConfig:
    """Reads the sizes from a checkpoint's config.json.

    Args:
      published: config.json.
      preprocessor: preprocessor_config.json; empty if there is none.
      tensors: names of the tensors, not used.

    Raises:
      UnsupportedCheckpoint: if a field is missing, or has a value that is not implemented; names the field.
    """
    require(published, REQUIRED_CONFIG)
    try:
        bands = published["num_mel_bins"]
        require(preprocessor, REQUIRED_PREPROCESSOR | {"feature_size": bands}, "preprocessor_config.json")
        return WhisperConfig(
            bands=bands,
            hidden_size=published["d_model"],
            layers=published["encoder_layers"],
            heads=published["encoder_attention_heads"],
            ffn_size=published["encoder_ffn_dim"],
            positions=published["max_source_positions"],
        )
    except KeyError as error:
        raise UnsupportedCheckpoint(f"config.json: no field {error.args[0]!r}") from error


def parameter_path(name: str) -> ParameterPath | None:
    """Maps the name of a tensor of PyTorch `transformers` to its path in our parameters; None outside of the encoder."""
    match = re.fullmatch(r"encoder\.(?:layers\.(\d+)\.)?(?:self_attn\.)?(\w+)\.(weight|bias)", name)
    if not match:
        return None
    layer, module, leaf = match.groups()
    if module == "embed_positions":
        return ("positions",)
    if leaf == "weight":
        leaf = "scale" if module.endswith("layer_norm") else "kernel"
    return (*([f"layers_{layer}"] if layer else []), module, leaf)


def parameter_layout(path: ParameterPath, tensor: np.ndarray, config: WhisperConfig) -> np.ndarray:
    """Transposes PyTorch's layout (out, in, tap) to ours (tap, in, out), and gives attention heads their own axis.

    Raises:
      ValueError: for a tensor with another number of elements or dimensions.
    """
    module, leaf = path[-2] if len(path) > 1 else "", path[-1]
    heads, size = config.heads, config.hidden_size // config.heads
    if module in ("q_proj", "k_proj", "v_proj"):
        return tensor.T.reshape(-1, heads, size) if leaf == "kernel" else tensor.reshape(heads, size)
    if module == "out_proj" and leaf == "kernel":
        return tensor.T.reshape(heads, size, -1)
    return tensor.T if leaf == "kernel" else tensor


def parameter_shapes(config: WhisperConfig) -> dict:
    """Shapes of all parameters, as a tree of `jax.ShapeDtypeStruct`."""
    mel, valid = jnp.zeros((1, 20, config.bands)), jnp.ones((1, 10), bool)
    return jax.eval_shape(lambda: WhisperEncoder(config).init(jax.random.key(0), mel, valid))["params"]


def front_end(
    config: WhisperConfig, params: dict, audio: Float[Array, "batch samples"], length: Int[Array, "batch"], time: int
) -> Float[Array, "batch steps bands"]:
    """Log-mel, a frame each 10 ms, in the dtype of the parameters.

    Raises:
      UserError: if `time`, in 20 ms frames, exceeds the model's positions.
    """
    if time > config.positions:
        raise UserError(
            f"config.data.crop_seconds: {audio.shape[1] / SAMPLE_RATE:g} s; expected at most {config.positions / 50:g} s, "
            "the positions that this teacher has"
        )
    audio = jnp.where(valid_frames(length, audio.shape[1]), audio, 0)
    return log_mel(audio, config.bands).astype(params["conv1"]["kernel"].dtype)


def hidden_states(
    config: WhisperConfig, params: dict, mel: Float[Array, "batch steps bands"], valid: Bool[Array, "batch time"]
) -> list[Float[Array, "batch time dim"]]:
    """The input of the first layer and the output of each layer, the last after the final norm."""
    return WhisperEncoder(config).apply({"params": params}, mel, valid)


WHISPER = Family(
    config_class=WhisperConfig,
    read_config=read_config,
    prefixes=("model.",),
    ignored=IGNORED,
    parameter_path=parameter_path,
    parameter_layout=parameter_layout,
    parameter_shapes=parameter_shapes,
    front_end=front_end,
    hidden_states=hidden_states,
    code_indices=None,
)
