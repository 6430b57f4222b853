"""Distillation: the teacher's input is clean audio, the student's the same audio augmented and masked (arXiv 2307.02720)."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int16, Key
from ml_collections import ConfigDict

from s3rl_jax.audio.augmentation import augment, perturb
from s3rl_jax.audio.logmel import to_float
from s3rl_jax.audio.masking import span_mask, valid_frames
from s3rl_jax.core.errors import UserError, lookup
from s3rl_jax.models.detector import student_features
from s3rl_jax.models.ops.precision import compute_dtype
from s3rl_jax.models.student.registry import build_student, encode, initialise
from s3rl_jax.models.teacher.targets import TargetSelection, Teacher, common_frame_count, targets_from_cache, teacher_targets
from s3rl_jax.tasks.objectives.comparison import (
    METRIC,
    PROJECTIONS,
    LayerComparison,
    Targets,
    TeacherLayers,
    parameter_key,
    parse_layers,
)
from s3rl_jax.tasks.objectives.objective import Objective, StudentPass, delayed
from s3rl_jax.tasks.objectives.registry import OBJECTIVES, active_objectives
from s3rl_jax.tasks.task import Batch, Metrics, Params, Task, Weights, gumbel_temperature, loss_weights

CACHED = "teacher_"  # prefix of the names of cached targets in a batch
TOP_LAYER = 99  # no teacher has more


@dataclasses.dataclass(frozen=True)
class Distillation:
    """The task's functions `init`, `targets` and `loss`.

    Attributes:
      config: the configuration, of configs/distill.py.
      teacher: the teacher and its codebook.
      selection: the outputs of the teacher that the objectives use.
      encoder: the student.
      layers: the teacher's layers that are compared; None where no objective compares layers.
      objectives: the objectives whose weight is not 0.
    """

    config: ConfigDict
    teacher: Teacher
    selection: TargetSelection
    encoder: nn.Module
    layers: TeacherLayers | None
    objectives: tuple[Objective, ...]

    @property
    def masks(self) -> bool:
        """Whether the student's input is masked."""
        return any(objective.masked for objective in self.objectives)

    def frozen(self, noises: Int16[np.ndarray, "clips samples"], responses: Float[np.ndarray, "rooms taps"]) -> dict[str, Any]:
        """The arrays that `targets` reads: noise, impulse responses, and the teacher unless its targets are cached."""
        frozen = {"noises": noises, "responses": responses}
        if not self.config.teacher.cache:
            frozen["teacher"] = self.teacher.params
        for objective in self.objectives:
            frozen |= objective.frozen(self.teacher)
        return frozen

    def init(self, rng: Key[Array, ""], batch: Batch) -> Params:
        """Random parameters of the student and of the objectives."""
        params, hidden = initialise(self.encoder, parameter_key(rng, 0)), jnp.zeros((1, self.encoder.width))
        for part in (self.layers, *self.objectives):
            params |= part.init(rng, hidden) if part else {}
        return params

    def targets(self, frozen: dict[str, Any], batch: Batch, rng: Key[Array, ""]) -> Targets:
        """Computes the student's augmented input, and the teacher's outputs for the clean audio."""
        config = self.config
        timing_rng, augment_rng, mask_rng = jax.random.split(rng, 3)
        audio, length = perturb(timing_rng, to_float(batch["audio"]), batch["length"], config.augment)
        noisy = augment(augment_rng, audio, length, to_float(frozen["noises"]), frozen["responses"], config.augment)
        time = common_frame_count(self.teacher.config, audio.shape[1])
        valid = valid_frames(common_frame_count(self.teacher.config, length), time)
        targets = {"frames": student_features(noisy, self.encoder.front_end)[:, :time], "valid": valid}
        if self.masks:
            targets["mask"] = span_mask(mask_rng, valid, config.mask.probability, config.mask.span)
        if config.teacher.cache:
            stored = {name.removeprefix(CACHED): batch[name] for name in batch if name.startswith(CACHED)}
            outputs = targets_from_cache(self.selection, stored, valid)
        else:
            outputs = teacher_targets(self.teacher._replace(params=frozen["teacher"]), self.selection, audio, length)
        for objective in self.objectives:
            targets |= objective.targets(frozen, audio, time, outputs)
        return targets | {name: value if name == "index" else value.astype(jnp.float32) for name, value in outputs.items()}

    def loss(
        self, params: Params, targets: Targets, batch: Batch, rng: Key[Array, ""], weights: Weights
    ) -> tuple[Float[Array, ""], Metrics, Params]:
        """Computes the weighted sum of the objectives' terms, the metrics, and the updated statistics."""
        masked, clear, statistics = self._passes(params, targets, weights)
        terms, metrics = [], clear.comparison.metrics() if clear.comparison else {}
        for objective in self.objectives:
            student = masked if objective.masked else clear
            term, measured = objective.term(params, student, targets, rng, weights)
            terms.append(weights[objective.name] * term)
            metrics |= measured
        return sum(terms), metrics, statistics

    def _passes(self, params: Params, targets: Targets, weights: Weights) -> tuple[StudentPass, StudentPass, Params]:
        """Runs the student for objectives over masked frames, and for all others.

        Both are the same pass, unless `config.mask.separate_pass` gives the others an input without masks.

        Returns:
          The pass for masked objectives, the pass for the others, and the updated statistics of the latter.
        """
        dtype, valid, delay = self.config.get("dtype", "float32"), targets["valid"], self.config.get("delay_frames", 0)
        mask = targets["mask"] & weights["masked"] if self.masks else None
        hidden, statistics = encode(self.encoder, params, targets["frames"], valid, mask, dtype)
        masked = clear = delayed(StudentPass(hidden, valid, mask), delay)
        if self.layers and self.masks and self.config.mask.get("separate_pass", False):
            hidden, statistics = encode(self.encoder, params, targets["frames"], valid, None, dtype)
            clear = delayed(StudentPass(hidden, valid, None), delay)
        if self.layers:
            comparison = LayerComparison(self.layers, params, clear.hidden, clear.valid, targets, weights)
            clear = clear._replace(comparison=comparison)
        return masked, clear, statistics


def distill(
    config: ConfigDict,
    teacher: Teacher,
    noises: Int16[np.ndarray, "clips samples"],
    responses: Float[np.ndarray, "rooms taps"],
) -> Task:
    """Creates the task of distillation.

    The loss is the sum over the objectives of weight x term, for example L_DVCC + gamma L_code. The weights are in
    `config.loss`; an objective with weight 0 is left out.

    With `config.teacher.cache`, the batches contain the teacher's targets (`teacher_hidden`, ...), and it does not run.

    Args:
      config: the configuration, of configs/distill.py.
      teacher: the teacher and its codebook.
      noises: clips of noise for the student's input; with 0 rows, no noise is added.
      responses: impulse responses of rooms for the student's input; with 0 rows, no room is applied.

    Raises:
      UserError: for a student, a layer range or a loss that does not exist, or a cache together with a change of timing.
    """
    encoder = build_student(config.student)
    compute_dtype(config.get("dtype", "float32"), "config.dtype")
    lookup(dict.fromkeys(PROJECTIONS), config.projection, "config.projection")
    if config.teacher.cache and (config.augment.speed_probability or config.augment.shift_seconds):
        raise UserError(
            "config.teacher.cache: cached targets do not follow changes of timing; expected speed_probability and "
            "shift_seconds of config.augment to be 0"
        )
    selection = selection_of(config, teacher.config.layers)
    layers = TeacherLayers.of(config, teacher, selection.layers) if selection.layers else None
    objectives = tuple(objective.of(config, teacher) for objective in active_objectives(config))
    task = Distillation(config, teacher, selection, encoder, layers, objectives)
    weights = weights_of(config, selection.layers)
    return Task(task.init, task.targets, task.loss, weights, task.frozen(noises, responses), details=(METRIC,))


def selection_of(config: ConfigDict, teacher_layers: int) -> TargetSelection:
    """The outputs that the objectives of a config use, of a teacher with `teacher_layers` layers."""
    active = active_objectives(config)
    layers = ()
    if any(objective.uses_layers for objective in active):
        layers = tuple(parse_layers(str(config.teacher.layers), teacher_layers))
    frames, codes = (any(getattr(objective, use) for objective in active) for use in ("uses_frames", "uses_codes"))
    return TargetSelection(layers, means=bool(layers), frames=frames, codes=codes)


def weights_of(config: ConfigDict, layers: tuple[int, ...]) -> Callable[[Array], Weights]:
    """Returns a function from a step to the weights of a run.

    Args:
      config: configuration of the run, or of one member of a sweep.
      layers: layers of the teacher that the targets hold; a member may use fewer.

    Returns:
      A function that returns the weights of `config.loss`; `layers` bool [layers], which of `layers` are used; `masked`,
      whether the student's input is masked; `temperature` of the student's codebook.
    """
    active = active_objectives(config)
    used = set(layers)
    if any(objective.uses_layers for objective in active):
        used = set(parse_layers(str(config.teacher.layers), max(layers)))
    masked = any(objective.masked for objective in active)

    def weights(step: Array) -> Weights:
        selected = jnp.array([layer in used for layer in layers], bool)
        temperature = gumbel_temperature(config.own_codebook, step)
        return loss_weights(config) | {"layers": selected, "masked": jnp.bool_(masked), "temperature": temperature}

    return weights


def meaningless_metrics(config: ConfigDict) -> frozenset[str]:
    """Metrics of a sweep that do not apply to a member with this config: those over masked frames, if it masks none."""
    if any(objective.masked for objective in active_objectives(config)):
        return frozenset()
    return frozenset().union(*(objective.metric_names for objective in OBJECTIVES.values() if objective.masked))


def sweep_config(configs: Sequence[ConfigDict]) -> ConfigDict:
    """One config for all members of a sweep: the union of their objectives and layers."""
    union = ConfigDict(configs[0].to_dict())
    for name in OBJECTIVES:
        union.loss[name] = float(any(config.loss[name] for config in configs))
    texts = [
        str(config.teacher.layers)
        for config in configs
        if any(objective.uses_layers for objective in active_objectives(config))
    ]
    ranges = [parse_layers(text, TOP_LAYER) for text in texts if text != "all"]
    everything = "all" in texts or not ranges
    union.teacher.layers = "all" if everything else ",".join(map(str, sorted(set().union(*ranges))))
    return union
