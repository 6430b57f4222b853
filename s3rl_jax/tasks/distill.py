"""Distillation: the teacher hears clean audio, the student the same audio augmented and masked (arXiv 2307.02720)."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from s3rl_jax.audio.augmentation import augment, perturb
from s3rl_jax.audio.logmel import BANDS, to_float
from s3rl_jax.audio.masking import masked_mean, span_mask, valid_frames
from s3rl_jax.core.errors import UserError
from s3rl_jax.losses import cross_correlation, regression
from s3rl_jax.losses.codebook import code_classes, teacher_codebook
from s3rl_jax.losses.contrastive import contrastive, diversity, sample_distractors
from s3rl_jax.models.detector import student_features
from s3rl_jax.models.ops.dense import Dense
from s3rl_jax.models.ops.precision import compute_dtype
from s3rl_jax.models.student.registry import build_student, encode, initialise
from s3rl_jax.models.student.self_supervised import StudentCodebook
from s3rl_jax.models.teacher.codebook import look_up
from s3rl_jax.models.teacher.targets import TargetSelection, Teacher, common_frame_count, teacher_targets
from s3rl_jax.tasks.task import Task, gumbel_temperature, loss_weights

TOP_LAYER = 99  # no teacher has more
VIEWS = ("dual_view", "feature_view", "batch_view")
CODES = ("gamma", "code_classes")
MASKED = (*CODES, "own_codebook")  # the student predicts codes at masked frames
OF_MASKED = frozenset(
    ("codebook", "codebook_accuracy", "code_classes", "class_accuracy", "own_codebook", "own_accuracy", "own_perplexity")
)
OBJECTIVES = (*VIEWS, *MASKED, "frame_regression", "utterance_regression")


class Projection(nn.Module):
    """From the student's width to the teacher's: linear, or with one hidden layer. Discarded after distillation."""

    kind: str
    dim: int

    @nn.compact
    def __call__(self, x):
        if self.kind == "mlp":
            x = nn.gelu(Dense(self.dim, name="hidden")(x))
        return Dense(self.dim, name="output")(x)


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


def active_objectives(config) -> set[str]:
    """The objectives whose weight is not 0.

    Raises:
      UserError: if there is none.
    """
    active = {name for name in OBJECTIVES if config.loss[name]}
    if not active:
        raise UserError(f"config.loss: every objective has weight 0; expected one of {', '.join(OBJECTIVES)}")
    return active


def wanted_of(config, teacher_layers: int) -> TargetSelection:
    """What the objectives of a config need to hear from a teacher of that many layers."""
    active = active_objectives(config)
    layers = tuple(parse_layers(str(config.teacher.layers), teacher_layers)) if active - set(MASKED) else ()
    return TargetSelection(layers, means=bool(layers), frames="frame_regression" in active, codes=bool(active & set(CODES)))


def weights_of(config, layers: tuple[int, ...]):
    """step -> what the objectives are weighed by; `layers` are those that targets hold, of which a config may use fewer.

    Returns:
      A function to the weights of `config.loss`; `layers` bool [layers], which of them are used; `masked`, whether an
      objective is at work that masks frames; the `temperature` of a codebook of one's own.
    """
    active = active_objectives(config)
    used = set(parse_layers(str(config.teacher.layers), max(layers))) if active - set(MASKED) else set(layers)
    masked = bool(active & set(MASKED))

    def weights(step):
        chosen = jnp.array([layer in used for layer in layers], bool)
        temperature = gumbel_temperature(config.own_codebook, step)
        return loss_weights(config) | {"layers": chosen, "masked": jnp.bool_(masked), "temperature": temperature}

    return weights


def silent(config) -> frozenset[str]:
    """Of a sweep's metrics those that say nothing of a member with this config: its frames are not masked."""
    return frozenset() if active_objectives(config) & set(MASKED) else OF_MASKED


def together(configs) -> ConfigDict:
    """One config whose task does all that those of a sweep's members need: its objectives and layers are theirs together."""
    made = ConfigDict(configs[0].to_dict())
    for name in OBJECTIVES:
        made.loss[name] = float(any(config.loss[name] for config in configs))
    heard = [str(config.teacher.layers) for config in configs if active_objectives(config) - set(MASKED)]
    ranges = [parse_layers(text, TOP_LAYER) for text in heard if text != "all"]
    everything = "all" in heard or not ranges
    made.teacher.layers = "all" if everything else ",".join(map(str, sorted(set().union(*ranges))))
    return made


def distill(config, teacher: Teacher, noises, responses) -> Task:
    """Any subset of the objectives, each with a weight in `config.loss`; a weight of 0 leaves an objective out.

    L = dual_view L_DVCC + gamma L_code + feature_view L_C + batch_view L_G + code_classes L_class + own_codebook
    (L_contrastive + d L_diversity) + frame and utterance regression

    With `config.teacher.cache`, batches bring what the teacher said (`teacher_means`, ...), and it is not run.

    Args:
      config: configs/distill.py.
      teacher: sizes, parameters and codebook, as pre-training or a public checkpoint left them.
      noises: int16 [clips, samples], for the student's input.
      responses: [rooms, taps], likewise.

    Raises:
      UserError: for a student, a layer range or a loss that does not exist.
    """
    encoder, dtype = build_student(config.student), compute_dtype(config.get("dtype", "float32"), "config.dtype")
    active, wanted = active_objectives(config), wanted_of(config, teacher.config.layers)
    if config.projection not in ("linear", "mlp"):
        raise UserError(f"config.projection={config.projection!r}: expected linear or mlp")
    if config.teacher.cache and (config.augment.speed_probability or config.augment.shift_seconds):
        raise UserError(
            "config.teacher.cache: what the teacher said is of unchanged timing; expected speed_probability and "
            "shift_seconds of config.augment to be 0"
        )
    projection = Projection(config.projection, teacher.config.hidden_size)
    groups, entries, part = teacher.code_vectors.shape if wanted.codes else (0, 0, 0)
    code_projection, code_logits = Dense(groups * part), Dense(groups * entries)
    own_codebook = StudentCodebook(config.own_codebook.groups, config.own_codebook.entries)

    def init(rng, batch):
        student_rng, projection_rng, code_rng, class_rng = jax.random.split(rng, 4)
        hidden = jnp.zeros((1, encoder.width))
        params = initialise(encoder, student_rng)
        if wanted.layers:
            params["projection"] = projection.init(projection_rng, hidden)["params"]
            params["layer_logits"] = jnp.zeros(len(wanted.layers))
        if "gamma" in active:
            params["code_projection"] = code_projection.init(code_rng, hidden)["params"]
        if "code_classes" in active:
            params["code_logits"] = code_logits.init(class_rng, hidden)["params"]
        if "own_codebook" in active:
            frames = jnp.zeros((1, 1, 2 * BANDS))
            params["own_quantizer"] = own_codebook.init(jax.random.fold_in(rng, 4), frames, hidden[None], None)["params"]
        return params

    def targets(frozen, batch, rng):
        timing_rng, augment_rng, mask_rng = jax.random.split(rng, 3)
        audio, length = perturb(timing_rng, to_float(batch["audio"]), batch["length"], config.augment)
        noisy = augment(augment_rng, audio, length, to_float(frozen["noises"]), frozen["responses"], config.augment)
        time = common_frame_count(teacher.config, audio.shape[1])
        valid = valid_frames(common_frame_count(teacher.config, length), time)
        found = {"frames": student_features(noisy)[:, :time], "valid": valid}
        if active & set(MASKED):
            found["mask"] = span_mask(mask_rng, valid, config.mask.probability, config.mask.span)
        if "own_codebook" in active:
            found["clean_frames"] = student_features(audio)[:, :time]
        if config.teacher.cache:
            said = {name.removeprefix("teacher_"): batch[name] for name in batch if name.startswith("teacher_")}
        else:
            said = teacher_targets(teacher._replace(params=frozen["teacher"]), wanted, audio, length)
        if "gamma" in active:
            found["codes"] = look_up(frozen["code_vectors"], said["index"])
        return found | {name: value if name == "index" else value.astype(jnp.float32) for name, value in said.items()}

    def loss(params, targets, batch, rng, weights):
        valid = targets["valid"]
        mask = targets["mask"] & weights["masked"] if "mask" in targets else None
        hidden, moved = encode(encoder, params, targets["frames"], valid, mask, dtype)
        terms, metrics = {}, {}
        if wanted.layers:
            layer_weights = jax.nn.softmax(params["layer_logits"], where=weights["layers"])
            metrics |= {f"layer_weight_{n}": w for n, w in zip(wanted.layers, layer_weights, strict=True)}
            h = jnp.einsum("l,bld->bd", layer_weights, targets["means"])
            o = projection.apply({"params": params["projection"]}, masked_mean(hidden, valid))
        if active & set(VIEWS):
            views = (cross_correlation.centre(h), cross_correlation.centre(o)) if config.centre else (h, o)
            feature = cross_correlation.feature_view(*views, weights["alpha"])
            batch_wise = cross_correlation.batch_view(*views, weights["beta"])
            metrics |= {"log_feature_view": jnp.log(feature), "log_batch_view": jnp.log(batch_wise)}
            terms |= {"feature_view": feature, "batch_view": batch_wise}
            terms["dual_view"] = cross_correlation.dual_view(feature, batch_wise)
        if "utterance_regression" in active:
            terms["utterance_regression"] = regression.utterance_regression(h, o, weights["cosine"])
        if "frame_regression" in active:
            frames = projection.apply({"params": params["projection"]}, hidden)
            target_frames = jnp.einsum("l,bltd->btd", layer_weights, targets["hidden"])
            terms["frame_regression"] = regression.frame_regression(target_frames, frames, valid, weights["cosine"])
        if "gamma" in active:
            picks = code_projection.apply({"params": params["code_projection"]}, hidden)
            terms["gamma"], metrics["codebook_accuracy"] = teacher_codebook(
                rng, picks, targets["codes"], mask, config.distractors, config.kappa
            )
            metrics["codebook"] = terms["gamma"]
        if "code_classes" in active:
            logits = code_logits.apply({"params": params["code_logits"]}, hidden)
            logits = logits.reshape(*logits.shape[:2], groups, entries)
            terms["code_classes"], metrics["class_accuracy"] = code_classes(logits, targets["index"], mask)
        if "own_codebook" in active:
            gumbel_rng, own_rng = jax.random.split(jax.random.fold_in(rng, 1))
            inputs = (targets["clean_frames"], hidden, weights["temperature"])
            own = own_codebook.apply({"params": params["own_quantizer"]}, *inputs, rngs={"gumbel": gumbel_rng})
            distractors = sample_distractors(own_rng, mask, config.distractors)
            picked, metrics["own_accuracy"] = contrastive(own["context"], own["codes"], mask, distractors, config.kappa)
            uneven, metrics["own_perplexity"] = diversity(own["probabilities"], mask)
            terms["own_codebook"] = picked + config.own_codebook.diversity * uneven
        metrics |= {name: terms[name] for name in active if name.endswith(("regression", "classes", "own_codebook"))}
        return sum(weights[name] * terms[name] for name in sorted(active)), metrics | moved

    frozen = {"noises": noises, "responses": responses}
    if not config.teacher.cache:
        frozen["teacher"] = teacher.params
    if "gamma" in active:
        frozen["code_vectors"] = teacher.code_vectors
    return Task(init, targets, loss, weights_of(config, wanted.layers), frozen)
