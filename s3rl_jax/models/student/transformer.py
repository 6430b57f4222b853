"""The student: a small transformer over stacked log-mel frames, 20 ms each (arXiv 2307.02720, section 3.1)."""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from s3rl_jax.audio.front_end import LOGMEL
from s3rl_jax.models.ops.attention import block_attention, scaled_dot_product
from s3rl_jax.models.ops.dense import Dense, DenseGeneral
from s3rl_jax.models.ops.depthwise_convolution import depthwise
from s3rl_jax.models.student.masking import hide
from s3rl_jax.models.student.state import State, extend


@dataclasses.dataclass(frozen=True)
class StudentConfig:
    """Sizes of the student.

    Attributes:
      width: values of a frame between layers.
      ffn_size: width of the feed-forward network's hidden layer.
      heads: attention heads of a layer.
      layers: transformer layers.
      position_kernel: 20 ms frames that the positional convolution sees.
      context: 20 ms frames before a block to which each layer attends, whole blocks. 0 is the paper's student: it attends to
        the whole clip, earlier and later frames, and cannot run on a stream.
      block: 20 ms frames of the shortest step of a stream.
    """

    width: int
    ffn_size: int
    heads: int
    layers: int = 3
    position_kernel: int = 15
    context: int = 16
    block: int = 8


KeysAndValues = tuple[Float[Array, "batch past heads dim"], Float[Array, "batch past heads dim"]]


class Layer(nn.Module):
    """Pre-norm self-attention and feed-forward network, without biases.

    The norm is RMS norm, because it loses less than layer norm when quantised to int8; GELU is the tanh form, because that
    is one operator in TFLite.
    """

    config: StudentConfig

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch time width"], valid: Bool[Array, "batch time"] | None, past: KeysAndValues | None
    ) -> tuple[Float[Array, "batch time width"], KeysAndValues | None]:
        """Encodes frames that follow `past` (None: silence).

        Returns:
          The encoded frames, and the past of the next step; None where `config.context` is 0.
        """
        config = self.config
        head = (config.heads, config.width // config.heads)
        y = nn.RMSNorm(name="attention_norm")(x)
        query, key, value = (DenseGeneral(head, use_bias=False, name=name)(y) for name in ("query", "key", "value"))
        if not config.context:
            y = scaled_dot_product(query, key, value, None if valid is None else valid[:, None])
        else:
            past_key, past_value = past or (None, None)
            key, past_key = extend(past_key, key, config.context)
            value, past_value = extend(past_value, value, config.context)
            if valid is not None:
                valid = jnp.pad(valid, ((0, 0), (config.context, 0)), constant_values=True)
            y = block_attention(query, key, value, config.block, valid)
            past = (past_key, past_value)
        x = x + DenseGeneral(config.width, axis=(-2, -1), use_bias=False, name="attention_output")(y)
        y = nn.RMSNorm(name="feed_forward_norm")(x)
        y = nn.gelu(Dense(config.ffn_size, use_bias=False, name="intermediate")(y), approximate=True)
        return x + Dense(config.width, use_bias=False, name="output")(y), past


class Student(nn.Module):
    """Linear projection of stacked frames, a depthwise convolution for relative position, transformer layers.

    Attention knows no positions, so the output does not depend on where in a stream a frame stands. A clip is a stream that
    begins after silence: `__call__` is one long `step` from the initial state. Its keys and values are zero, so a stream
    needs no mask.
    """

    config: StudentConfig
    front_end: str = LOGMEL  # the features that it takes, a name in `FRONT_ENDS`

    @property
    def width(self) -> int:
        return self.config.width

    @property
    def block(self) -> int:
        """Frames of the shortest step; 0 for a student that cannot run on a stream."""
        return self.config.block if self.config.context else 0

    def initial_state(self, batch: int) -> State:
        """The state before the first frame: silence. Empty for a student that cannot run on a stream."""
        config = self.config
        if not config.context:
            return {}
        past = (batch, config.context, config.heads, config.width // config.heads)
        keys = {f"{name}_{i}": jnp.zeros(past) for i in range(config.layers) for name in ("key", "value")}
        return {"position": jnp.zeros((batch, config.position_kernel - 1, config.width))} | keys

    def __call__(
        self,
        frames: Float[Array, "batch time stacked"],
        valid: Bool[Array, "batch time"] | None = None,
        mask: Bool[Array, "batch time"] | None = None,
        train: bool = False,
    ) -> Float[Array, "batch time width"]:
        """Encodes whole clips.

        Args:
          frames: standardised log-mel, two 10 ms frames side by side.
          valid: True at frames that are no padding; None: all.
          mask: True at frames that a learned embedding replaces; None: no frame.
          train: not used; it is in the interface for students with BatchNorm.
        """
        batch, time = frames.shape[:2]
        spare = -time % self.block if self.block else 0
        if spare:
            valid = jnp.ones((batch, time), bool) if valid is None else valid
            frames = jnp.pad(frames, ((0, 0), (0, spare), (0, 0)))
            valid, mask = (None if x is None else jnp.pad(x, ((0, 0), (0, spare))) for x in (valid, mask))
        return self.step(frames, None, valid, mask)[0][:, :time]

    @nn.compact
    def step(
        self,
        frames: Float[Array, "batch time stacked"],
        state: State | None,
        valid: Bool[Array, "batch time"] | None = None,
        mask: Bool[Array, "batch time"] | None = None,
    ) -> tuple[Float[Array, "batch time width"], State]:
        """Encodes the next frames of a stream. Steps of any number of blocks give the same as one step of all frames.

        Args:
          frames: standardised log-mel, two 10 ms frames side by side, whole blocks.
          state: the state that the last step returned; None: `initial_state`.
          valid: True at frames that are no padding; None: all.
          mask: True at frames that a learned embedding replaces; None: no frame.

        Returns:
          The encoded frames, and the next state.
        """
        config = self.config
        streaming = config.context > 0
        x = Dense(config.width, name="projection")(frames)
        embedding = self.param("mask_embedding", nn.initializers.normal(0.1), (config.width,))
        x = hide(x, embedding, mask, valid)
        padded, past = x, None
        if streaming:
            padded, past = extend(None if state is None else state["position"], x, config.position_kernel - 1)
        position = nn.Conv(
            config.width,
            (config.position_kernel,),
            padding="VALID" if streaming else "SAME",
            feature_group_count=config.width,
            conv_general_dilated=depthwise,
            name="position",
        )(padded)
        x = x + nn.gelu(position, approximate=True)
        next_state = {"position": past} if streaming else {}
        for i in range(config.layers):
            names = (f"key_{i}", f"value_{i}")
            past = tuple(state[name] for name in names) if state else None
            x, past = Layer(config, name=f"layer_{i}")(x, valid, past)
            next_state |= dict(zip(names, past, strict=True)) if streaming else {}
        return nn.RMSNorm(name="norm")(x), next_state
