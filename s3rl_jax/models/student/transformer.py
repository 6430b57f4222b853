"""The student: a small transformer over stacked log-mel frames, 20 ms each (arXiv 2307.02720, section 3.1)."""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from s3rl_jax.models.ops.attention import block_attention, scaled_dot_product
from s3rl_jax.models.ops.dense import Dense, DenseGeneral
from s3rl_jax.models.ops.depthwise_convolution import depthwise
from s3rl_jax.models.student.masking import hide
from s3rl_jax.models.student.state import State, extend


@dataclasses.dataclass(frozen=True)
class StudentConfig:
    """Sizes. `position_kernel`, `context` and `block` are in 20 ms frames.

    Attributes:
      context: frames before its block to which each layer attends, whole blocks. 0 is the paper's student: it attends to
        the whole clip, both ways, and cannot be stepped.
      block: frames of the shortest step.
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
    """Pre-norm self-attention and feed-forward, without biases.

    RMS norm, because it quantises to int8 with less loss than layer norm; the tanh form of GELU, because it is one
    TFLite operator.
    """

    config: StudentConfig

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch time width"], valid: Bool[Array, "batch time"] | None, past: KeysAndValues | None
    ) -> tuple[Float[Array, "batch time width"], KeysAndValues | None]:
        """Encodes frames after a past (None: silence).

        Returns:
          The frames, and the past of the next step; None where there is no context.
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
    """Linear projection of stacked frames, a depthwise convolution for position, transformer layers.

    The convolution gives relative positions and attention has none, so the output does not depend on where in a stream a
    frame stands. A clip is a stream from silence: `__call__` is one long `step` from the initial state, in which keys and
    values are zero, so that a stream needs no mask.
    """

    config: StudentConfig

    @property
    def width(self) -> int:
        return self.config.width

    @property
    def block(self) -> int:
        """Frames of the shortest step; 0 for a student that cannot be stepped."""
        return self.config.block if self.config.context else 0

    def initial_state(self, batch: int) -> State:
        """Silence before the first frame; empty for a student that cannot be stepped."""
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
          valid: which frames are real; None: all.
          mask: frames to be replaced by a learned embedding.
          train: not used by this student.
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
        """Encodes the next frames of a stream. Steps of any size give the same as one step of all frames.

        Args:
          frames: whole blocks.
          state: that the step before returned; None: `initial_state`.
          valid: which frames are real; None: all.
          mask: frames to be replaced by a learned embedding.
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
