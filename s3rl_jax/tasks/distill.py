"""Distillation: the teacher hears clean audio, the student the same audio augmented and masked (arXiv 2307.02720)."""

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

CACHED = "teacher_"  # what the names of the teacher's answers in a batch begin with, where they were cached
TOP_LAYER = 99  # no teacher has more


@dataclasses.dataclass(frozen=True)
class Distillation:
    """The three functions of the task.

    Attributes:
      config: configs/distill.py.
      teacher: sizes, parameters and codebook.
      selection: the answers of the teacher that the objectives read.
      encoder: the student.
      layers: the teacher's layers that are compared; None where no objective compares any.
      objectives: those whose weight is not 0, by name.
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
        """The arrays that `targets` reads: noise, rooms, the teacher unless its answers are cached."""
        frozen = {"noises": noises, "responses": responses}
        if not self.config.teacher.cache:
            frozen["teacher"] = self.teacher.params
        for objective in self.objectives:
            frozen |= objective.frozen(self.teacher)
        return frozen

    def init(self, rng: Key[Array, ""], batch: Batch) -> Params:
        """The student, and what the objectives train beside it."""
        params, hidden = initialise(self.encoder, parameter_key(rng, 0)), jnp.zeros((1, self.encoder.width))
        for part in (self.layers, *self.objectives):
            params |= part.init(rng, hidden) if part else {}
        return params

    def targets(self, frozen: dict[str, Any], batch: Batch, rng: Key[Array, ""]) -> Targets:
        """The student's input, augmented, and the teacher's answers to the clean audio."""
        config = self.config
        timing_rng, augment_rng, mask_rng = jax.random.split(rng, 3)
        audio, length = perturb(timing_rng, to_float(batch["audio"]), batch["length"], config.augment)
        noisy = augment(augment_rng, audio, length, to_float(frozen["noises"]), frozen["responses"], config.augment)
        time = common_frame_count(self.teacher.config, audio.shape[1])
        valid = valid_frames(common_frame_count(self.teacher.config, length), time)
        targets = {"frames": student_features(noisy)[:, :time], "valid": valid}
        if self.masks:
            targets["mask"] = span_mask(mask_rng, valid, config.mask.probability, config.mask.span)
        if config.teacher.cache:
            stored = {name.removeprefix(CACHED): batch[name] for name in batch if name.startswith(CACHED)}
            answers = targets_from_cache(self.selection, stored, valid)
        else:
            answers = teacher_targets(self.teacher._replace(params=frozen["teacher"]), self.selection, audio, length)
        for objective in self.objectives:
            targets |= objective.targets(frozen, audio, time, answers)
        return targets | {name: value if name == "index" else value.astype(jnp.float32) for name, value in answers.items()}

    def loss(
        self, params: Params, targets: Targets, batch: Batch, rng: Key[Array, ""], weights: Weights
    ) -> tuple[Float[Array, ""], Metrics, Params]:
        """The weighted sum of the objectives' terms."""
        masked, clear, moved = self._passes(params, targets, weights)
        terms, metrics = [], clear.comparison.metrics() if clear.comparison else {}
        for objective in self.objectives:
            student = masked if objective.masked else clear
            term, measured = objective.term(params, student, targets, rng, weights)
            terms.append(weights[objective.name] * term)
            metrics |= measured
        return sum(terms), metrics, moved

    def _passes(self, params: Params, targets: Targets, weights: Weights) -> tuple[StudentPass, StudentPass, Params]:
        """The pass for objectives over masked frames, the pass for all others, and the moved statistics of the latter.

        They are one and the same pass, unless `config.mask.separate_pass` gives the others an input without masks.
        """
        dtype, valid, delay = self.config.get("dtype", "float32"), targets["valid"], self.config.get("delay_frames", 0)
        mask = targets["mask"] & weights["masked"] if self.masks else None
        hidden, moved = encode(self.encoder, params, targets["frames"], valid, mask, dtype)
        masked = clear = delayed(StudentPass(hidden, valid, mask), delay)
        if self.layers and self.masks and self.config.mask.get("separate_pass", False):
            hidden, moved = encode(self.encoder, params, targets["frames"], valid, None, dtype)
            clear = delayed(StudentPass(hidden, valid, None), delay)
        if self.layers:
            comparison = LayerComparison(self.layers, params, clear.hidden, clear.valid, targets, weights)
            clear = clear._replace(comparison=comparison)
        return masked, clear, moved


def distill(
    config: ConfigDict,
    teacher: Teacher,
    noises: Int16[np.ndarray, "clips samples"],
    responses: Float[np.ndarray, "rooms taps"],
) -> Task:
    """Any subset of the objectives, each with a weight in `config.loss`; a weight of 0 leaves an objective out.

    L = sum over the objectives of weight x term, for example L_DVCC + gamma L_code.

    With `config.teacher.cache`, batches bring the teacher's answers (`teacher_hidden`, ...), and it is not run.

    Args:
      config: configs/distill.py.
      teacher: sizes, parameters and codebook, as pre-training or a public checkpoint left them.
      noises: for the student's input; none (0 rows) leaves noise out.
      responses: impulse responses, likewise.

    Raises:
      UserError: for a student, a layer range or a loss that does not exist.
    """
    encoder = build_student(config.student)
    compute_dtype(config.get("dtype", "float32"), "config.dtype")
    lookup(dict.fromkeys(PROJECTIONS), config.projection, "config.projection")
    if config.teacher.cache and (config.augment.speed_probability or config.augment.shift_seconds):
        raise UserError(
            "config.teacher.cache: the cached answers of the teacher are of unchanged timing; expected speed_probability and "
            "shift_seconds of config.augment to be 0"
        )
    selection = selection_of(config, teacher.config.layers)
    layers = TeacherLayers.of(config, teacher, selection.layers) if selection.layers else None
    objectives = tuple(objective.of(config, teacher) for objective in active_objectives(config))
    task = Distillation(config, teacher, selection, encoder, layers, objectives)
    weights = weights_of(config, selection.layers)
    return Task(task.init, task.targets, task.loss, weights, task.frozen(noises, responses), details=(METRIC,))


def selection_of(config: ConfigDict, teacher_layers: int) -> TargetSelection:
    """The answers that the objectives of a config read, of a teacher of that many layers."""
    active = active_objectives(config)
    layers = ()
    if any(objective.uses_layers for objective in active):
        layers = tuple(parse_layers(str(config.teacher.layers), teacher_layers))
    frames, codes = (any(getattr(objective, use) for objective in active) for use in ("uses_frames", "uses_codes"))
    return TargetSelection(layers, means=bool(layers), frames=frames, codes=codes)


def weights_of(config: ConfigDict, layers: tuple[int, ...]) -> Callable[[Array], Weights]:
    """step -> the weights of a run.

    Args:
      config: of the run, or of one member of a sweep.
      layers: of the teacher, which the targets hold; a member may use fewer of them.

    Returns:
      A function to the weights of `config.loss`; `layers` bool [layers], which of them are used; `masked`, whether the
      student's input is masked; `temperature` of the student's own codebook.
    """
    active = active_objectives(config)
    used = set(layers)
    if any(objective.uses_layers for objective in active):
        used = set(parse_layers(str(config.teacher.layers), max(layers)))
    masked = any(objective.masked for objective in active)

    def weights(step: Array) -> Weights:
        chosen = jnp.array([layer in used for layer in layers], bool)
        temperature = gumbel_temperature(config.own_codebook, step)
        return loss_weights(config) | {"layers": chosen, "masked": jnp.bool_(masked), "temperature": temperature}

    return weights


def meaningless_metrics(config: ConfigDict) -> frozenset[str]:
    """Metrics of a sweep that mean nothing for a member with this config: its frames are not masked."""
    if any(objective.masked for objective in active_objectives(config)):
        return frozenset()
    return frozenset().union(*(objective.metric_names for objective in OBJECTIVES.values() if objective.masked))


def sweep_config(configs: Sequence[ConfigDict]) -> ConfigDict:
    """One config whose task computes all that the members of a sweep need: the union of their objectives and layers."""
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
