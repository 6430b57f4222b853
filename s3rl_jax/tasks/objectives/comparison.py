"""Comparison of the student with the teacher's hidden layers: a learned mixture of the layers, a projection of the student."""

import dataclasses
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key
from ml_collections import ConfigDict

from s3rl_jax.audio.masking import masked_mean
from s3rl_jax.core.errors import UserError
from s3rl_jax.losses import cross_correlation
from s3rl_jax.models.ops.dense import Dense
from s3rl_jax.models.teacher.targets import Teacher
from s3rl_jax.tasks.task import Metrics, Params, Weights

Targets = dict[str, Array]
PROJECTIONS = ("linear", "mlp")
METRIC = "layer_weight_"  # prefix of a metric's name, before the number of the layer


class Projection(nn.Module):
    """A projection from the student's width to the teacher's `dim`: `kind` is linear, or mlp, with one hidden layer."""

    kind: str
    dim: int

    @nn.compact
    def __call__(self, x: Float[Array, "*batch width"]) -> Float[Array, "*batch dim"]:
        if self.kind == "mlp":
            x = nn.gelu(Dense(self.dim, name="hidden")(x))
        return Dense(self.dim, name="output")(x)


@dataclasses.dataclass(frozen=True)
class TeacherLayers:
    """The teacher's layers that are compared, and the student's projection to their width.

    Attributes:
      layers: numbers of the layers that the targets hold; 0 is the transformer's input.
      projection: from the student's width to the teacher's.
      centre: whether the views subtract each feature's mean over the batch.
      learned: whether the weights of the layers are learned; otherwise they are equal.
    """

    layers: tuple[int, ...]
    projection: Projection
    centre: bool
    learned: bool

    @classmethod
    def of(cls, config: ConfigDict, teacher: Teacher, layers: tuple[int, ...]) -> "TeacherLayers":
        """Reads `config.projection`, `config.centre` and `config.layer_weights`."""
        learned = config.get("layer_weights", "learned") == "learned"
        return cls(layers, Projection(config.projection, teacher.config.hidden_size), config.centre, learned)

    def init(self, rng: Key[Array, ""], hidden: Float[Array, "1 width"]) -> Params:
        """Random `projection`, and `layer_logits`, which are zero."""
        projection = self.projection.init(parameter_key(rng, 1), hidden)["params"]
        return {"projection": projection, "layer_logits": jnp.zeros(len(self.layers))}


class LayerComparison:
    """The student's output and the teacher's layers, ready to compare. Properties are computed once, for all objectives.

    Args:
      layers: the layers to compare, and their projection.
      params: `projection` and `layer_logits`.
      hidden: the student's output frames.
      valid: True at frames that are no padding.
      targets: the teacher's `means`, and `hidden` where frames are compared.
      weights: `layers` bool [layers], the layers that are mixed; `alpha` and `beta` of the views.
    """

    def __init__(
        self,
        layers: TeacherLayers,
        params: Params,
        hidden: Float[Array, "batch time width"],
        valid: Bool[Array, "batch time"],
        targets: Targets,
        weights: Weights,
    ):
        self._layers, self._params, self._hidden, self._valid = layers, params, hidden, valid
        self._targets, self._weights = targets, weights

    @functools.cached_property
    def mixture(self) -> Float[Array, "layers"]:
        """Weights of the layers: the softmax of `layer_logits`, or equal ones, over the layers that are mixed."""
        logits = self._params["layer_logits"]
        return jax.nn.softmax(logits if self._layers.learned else jnp.zeros_like(logits), where=self._weights["layers"])

    @functools.cached_property
    def utterances(self) -> tuple[Float[Array, "batch dim"], Float[Array, "batch dim"]]:
        """H and O: means over time of the mixed teacher layers and of the projected student."""
        teacher = jnp.einsum("l,bld->bd", self.mixture, self._targets["means"])
        return teacher, self._project(masked_mean(self._hidden, self._valid))

    @functools.cached_property
    def frames(self) -> tuple[Float[Array, "batch time dim"], Float[Array, "batch time dim"]]:
        """h and o: the mixed teacher layers and the projected student, at each frame."""
        student = self._project(self._hidden)
        return jnp.einsum("l,bltd->btd", self.mixture, self._targets["hidden"]), student

    @functools.cached_property
    def views(self) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """L_C and L_G, the feature view and the batch view of H and O."""
        h, o = self.utterances
        if self._layers.centre:
            h, o = cross_correlation.centre(h), cross_correlation.centre(o)
        alpha, beta = self._weights["alpha"], self._weights["beta"]
        return cross_correlation.feature_view(h, o, alpha), cross_correlation.batch_view(h, o, beta)

    def metrics(self) -> Metrics:
        """The weight of each layer, as metrics."""
        return {f"{METRIC}{n}": w for n, w in zip(self._layers.layers, self.mixture, strict=True)}

    def _project(self, x: Float[Array, "*batch width"]) -> Float[Array, "*batch dim"]:
        return self._layers.projection.apply({"params": self._params["projection"]}, x)


def parameter_key(rng: Key[Array, ""], place: int) -> Key[Array, ""]:
    """The random key for the initial parameters of the student or of an objective.

    Args:
      rng: key of the run's initial parameters.
      place: 0 for the student; a different number for each objective with parameters. Places below 4 are parts of one split,
        as in the first version, so that its runs can be repeated.
    """
    return jax.random.split(rng, 4)[place] if place < 4 else jax.random.fold_in(rng, place)


def parse_layers(text: str, layers: int) -> list[int]:
    """Parses `config.teacher.layers`: "all", or ranges such as "5-8" or "0-4,9-12". Layer 0 is the transformer's input.

    Args:
      text: the field.
      layers: number of the teacher's layers.

    Returns:
      Numbers of layers, ascending.

    Raises:
      UserError: for any other text, and for a layer that the teacher does not have.
    """
    if text == "all":
        return list(range(layers + 1))
    selected: list[int] = []
    for part in text.split(","):
        ends = part.strip().split("-")
        if not 1 <= len(ends) <= 2 or not all(end.strip().isdigit() for end in ends):
            raise UserError(f"config.teacher.layers={text!r}: expected all, or ranges such as 5-8 or 0-4,9-12")
        selected += range(int(ends[0]), int(ends[-1]) + 1)
    if not selected or max(selected) > layers or len(set(selected)) < len(selected):
        raise UserError(f"config.teacher.layers={text!r}: expected different layers of 0-{layers}, which the teacher has")
    return sorted(selected)
