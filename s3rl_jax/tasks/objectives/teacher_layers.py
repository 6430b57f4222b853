"""The teacher's hidden layers as one target: a learned mixture of them, which the student's projection has to meet."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key
from ml_collections import ConfigDict

from s3rl_jax.audio.masking import masked_mean
from s3rl_jax.core.errors import UserError
from s3rl_jax.models.ops.dense import Dense
from s3rl_jax.models.teacher.targets import Teacher
from s3rl_jax.tasks.objectives.objective import StudentPass, Targets, parameter_key
from s3rl_jax.tasks.task import Metrics, Params, Weights

PROJECTIONS = ("linear", "mlp")
METRIC = "layer_weight_"  # followed by the layer's number


class Projection(nn.Module):
    """From the student's width to the teacher's: linear, or with one hidden layer."""

    kind: str
    dim: int

    @nn.compact
    def __call__(self, x: Float[Array, "*batch width"]) -> Float[Array, "*batch dim"]:
        if self.kind == "mlp":
            x = nn.gelu(Dense(self.dim, name="hidden")(x))
        return Dense(self.dim, name="output")(x)


@dataclasses.dataclass(frozen=True)
class TeacherLayers:
    """The mixture and the projection, which all objectives over hidden states share.

    Attributes:
      layers: numbers of the layers that the targets hold; 0 is the transformer's input.
      projection: to the teacher's width.
    """

    layers: tuple[int, ...]
    projection: Projection

    @classmethod
    def of(cls, config: ConfigDict, teacher: Teacher, layers: tuple[int, ...]) -> "TeacherLayers":
        """Reads `config.projection`."""
        return cls(layers, Projection(config.projection, teacher.config.hidden_size))

    def init(self, rng: Key[Array, ""], hidden: Float[Array, "1 width"]) -> Params:
        """`projection`, and `layer_logits`, all layers alike."""
        projection = self.projection.init(parameter_key(rng, 1), hidden)["params"]
        return {"projection": projection, "layer_logits": jnp.zeros(len(self.layers))}

    def mixture(self, params: Params, weights: Weights) -> Float[Array, "layers"]:
        """softmax of the logits over the layers that `weights["layers"]` allows."""
        return jax.nn.softmax(params["layer_logits"], where=weights["layers"])

    def metrics(self, params: Params, weights: Weights) -> Metrics:
        """The weight of each layer."""
        return {f"{METRIC}{n}": w for n, w in zip(self.layers, self.mixture(params, weights), strict=True)}

    def utterances(
        self, params: Params, student: StudentPass, targets: Targets, weights: Weights
    ) -> tuple[Float[Array, "batch dim"], Float[Array, "batch dim"]]:
        """H and O: the mixed teacher layers and the projected student, each as its mean over time."""
        teacher = jnp.einsum("l,bld->bd", self.mixture(params, weights), targets["means"])
        return teacher, self._project(params, masked_mean(student.hidden, student.valid))

    def frames(
        self, params: Params, student: StudentPass, targets: Targets, weights: Weights
    ) -> tuple[Float[Array, "batch time dim"], Float[Array, "batch time dim"]]:
        """h and o: the mixed teacher layers and the projected student, frame by frame."""
        projected = self._project(params, student.hidden)
        return jnp.einsum("l,bltd->btd", self.mixture(params, weights), targets["hidden"]), projected

    def _project(self, params: Params, x: Float[Array, "*batch width"]) -> Float[Array, "*batch dim"]:
        return self.projection.apply({"params": params["projection"]}, x)


def parse_layers(text: str, layers: int) -> list[int]:
    """`config.teacher.layers`: "all", or ranges such as "5-8" or "0-4,9-12". Layer 0 is the transformer's input.

    Raises:
      UserError: for anything else, and for a layer that the teacher does not have.
    """
    if text == "all":
        return list(range(layers + 1))
    chosen: list[int] = []
    for part in text.split(","):
        ends = part.strip().split("-")
        if not 1 <= len(ends) <= 2 or not all(end.strip().isdigit() for end in ends):
            raise UserError(f"config.teacher.layers={text!r}: expected all, or ranges such as 5-8 or 0-4,9-12")
        chosen += range(int(ends[0]), int(ends[-1]) + 1)
    if not chosen or max(chosen) > layers or len(set(chosen)) < len(chosen):
        raise UserError(f"config.teacher.layers={text!r}: expected different layers of 0-{layers}, which the teacher has")
    return sorted(chosen)
