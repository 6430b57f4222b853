"""Distillation: the teacher hears clean audio, the student the same audio augmented and masked (arXiv 2307.02720)."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from s3rl_jax.audio.augmentation import augment
from s3rl_jax.audio.logmel import stacked_count, to_float
from s3rl_jax.audio.masking import masked_mean, span_mask, valid_frames
from s3rl_jax.errors import UserError
from s3rl_jax.losses import cross_correlation, regression
from s3rl_jax.losses.codebook import teacher_codebook
from s3rl_jax.models import student, wav2vec2
from s3rl_jax.models.detector import student_features
from s3rl_jax.tasks.pretrain import lookup
from s3rl_jax.tasks.task import Task

OBJECTIVES = ("dual_view", "feature_view", "batch_view", "gamma", "frame_regression", "utterance_regression")


class Projection(nn.Module):
    """From the student's width to the teacher's: linear, or with one hidden layer. Discarded after distillation."""

    kind: str
    dim: int

    @nn.compact
    def __call__(self, x):
        if self.kind == "mlp":
            x = nn.gelu(nn.Dense(self.dim, name="hidden")(x))
        return nn.Dense(self.dim, name="output")(x)


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


def distill(config, teacher_config: wav2vec2.Wav2Vec2Config, teacher_params, noises, responses) -> Task:
    """Any subset of the objectives, each with a weight in `config.loss`; a weight of 0 leaves an objective out.

    L = dual_view L_DVCC + gamma L_code + feature_view L_C + batch_view L_G + frame and utterance regression

    Args:
      config: configs/distill.py.
      teacher_config: its sizes.
      teacher_params: its parameters, as pre-training or a public checkpoint left them.
      noises: int16 [clips, samples], for the student's input.
      responses: [rooms, taps], likewise.

    Raises:
      UserError: for a student, a layer range or a loss that does not exist.
    """
    size = lookup(student.SIZES, config.student.size, "config.student.size")
    layers = parse_layers(str(config.teacher.layers), teacher_config.layers)
    active = {name for name in OBJECTIVES if config.loss[name]}
    if not active:
        raise UserError(f"config.loss: every objective has weight 0; expected one of {', '.join(OBJECTIVES)}")
    if config.projection not in ("linear", "mlp"):
        raise UserError(f"config.projection={config.projection!r}: expected linear or mlp")
    teacher, encoder = wav2vec2.Wav2Vec2(teacher_config), student.Student(size)
    projection = Projection(config.projection, teacher_config.hidden_size)
    code_projection = nn.Dense(teacher_config.codebook_dim)
    needs_hidden = active - {"gamma"}

    def init(rng, batch):
        student_rng, projection_rng, code_rng = jax.random.split(rng, 3)
        frames = student_features(to_float(batch["audio"][:1]))
        hidden = jnp.zeros((1, size.width))
        params = {"student": encoder.init(student_rng, frames)["params"]}
        if needs_hidden:
            params["projection"] = projection.init(projection_rng, hidden)["params"]
            params["layer_logits"] = jnp.zeros(len(layers))
        if "gamma" in active:
            params["code_projection"] = code_projection.init(code_rng, hidden)["params"]
        return params

    def targets(frozen, batch, rng):
        augment_rng, mask_rng = jax.random.split(rng)
        audio, length = to_float(batch["audio"]), batch["length"]
        noisy = augment(augment_rng, audio, length, to_float(frozen["noises"]), frozen["responses"], config.augment)
        frames = student_features(noisy)
        time = min(frames.shape[1], teacher_config.frame_count(audio.shape[1]))
        valid = valid_frames(jnp.minimum(stacked_count(length), teacher_config.frame_count(length)), time)
        found = {"frames": frames[:, :time], "valid": valid}
        if "gamma" in active:
            found["mask"] = span_mask(mask_rng, valid, config.mask.probability, config.mask.span)
        return found | _teacher_says(frozen["teacher"], audio, length, time, valid)

    def _teacher_says(params, audio, length, time, valid):
        heard = wav2vec2.normalise(audio, valid_frames(length, audio.shape[1]))
        variables = {"params": params}
        latents = teacher.apply(variables, heard, method="latents")[:, :time]
        said = {}
        if "gamma" in active:
            said["codes"] = teacher.apply(variables, latents, method="codes")[0]
        if needs_hidden:
            every = teacher.apply(variables, latents, valid, method="hidden")
            hidden = [every[layer] for layer in layers]
            said["means"] = jnp.stack([masked_mean(h, valid) for h in hidden])
            if "frame_regression" in active:
                said["hidden"] = jnp.stack(hidden)
        return jax.lax.stop_gradient(said)

    def loss(params, targets, batch, rng, weights):
        valid = targets["valid"]
        hidden = encoder.apply({"params": params["student"]}, targets["frames"], valid, targets.get("mask"))
        terms, metrics = {}, {}
        if needs_hidden:
            layer_weights = jax.nn.softmax(params["layer_logits"])
            metrics |= {f"layer_weight_{n}": w for n, w in zip(layers, layer_weights, strict=True)}
            h = jnp.tensordot(layer_weights, targets["means"], axes=1)
            o = projection.apply({"params": params["projection"]}, masked_mean(hidden, valid))
        if active & {"dual_view", "feature_view", "batch_view"}:
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
            wanted = jnp.tensordot(layer_weights, targets["hidden"], axes=1)
            terms["frame_regression"] = regression.frame_regression(wanted, frames, valid, weights["cosine"])
        if "gamma" in active:
            picks = code_projection.apply({"params": params["code_projection"]}, hidden)
            terms["gamma"], metrics["codebook_accuracy"] = teacher_codebook(
                rng, picks, targets["codes"], targets["mask"], config.distractors, config.kappa
            )
            metrics["codebook"] = terms["gamma"]
        metrics |= {name: terms[name] for name in active if name.endswith("regression")}
        return sum(weights[name] * terms[name] for name in sorted(active)), metrics

    def weights(step):
        return {name: jnp.float32(weight) for name, weight in config.loss.items()}

    frozen = {"teacher": teacher_params, "noises": noises, "responses": responses}
    return Task(init, targets, loss, weights, frozen)
