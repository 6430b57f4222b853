"""Pre-training as wav2vec 2.0 does it: a teacher of one's own, or the student itself."""

import math

import flax.linen as nn
import jax

from s3rl_jax.audio.logmel import to_float
from s3rl_jax.audio.masking import span_mask, valid_frames
from s3rl_jax.losses.contrastive import contrastive, diversity, feature_penalty, sample_distractors
from s3rl_jax.models.ops.precision import cast, compute_dtype
from s3rl_jax.models.pretraining import pretraining_model
from s3rl_jax.models.teacher import wav2vec2
from s3rl_jax.tasks.task import Task, gumbel_temperature, loss_weights


def pretrain(config) -> Task:
    """L = contrastive + w_d diversity + w_f feature penalty (wav2vec 2.0, sections 3.2 and 4.2).

    With `config.dtype` bfloat16 the model computes in it; parameters and losses stay in float32.

    Args:
      config: configs/pretrain.py.

    Raises:
      UserError: for a model, a size or a dtype that does not exist.
    """
    model, frames = pretraining_model(config)
    dtype = compute_dtype(config.dtype, "config.dtype")

    def init(rng, batch):
        audio, valid = _inputs(batch)
        return model.init(rng, audio, valid)["params"]

    def targets(frozen, batch, rng):
        audio, valid = _inputs(batch)
        return {"audio": audio, "valid": valid, "mask": span_mask(rng, valid, config.mask.probability, config.mask.span)}

    def terms(params, targets, distractor_rng, temperature, **options):
        inputs = (cast(targets["audio"], dtype), targets["valid"], targets["mask"], temperature)
        said = cast(model.apply({"params": cast(params, dtype)}, *inputs, **options), "float32")
        mask = targets["mask"]
        distractors = sample_distractors(distractor_rng, mask, config.distractors)
        picked, accuracy = contrastive(said["context"], said["codes"], mask, distractors, config.kappa)
        uneven, perplexity = diversity(said["probabilities"], mask)
        penalty = feature_penalty(said["latents"], targets["valid"])
        measured = {"contrastive": picked, "accuracy": accuracy, "codebook_perplexity": perplexity, "feature_penalty": penalty}
        return {"contrastive": picked, "diversity": uneven, "feature_penalty": penalty}, measured

    def loss(params, targets, batch, rng, weights):
        gumbel_rng, dropout_rng, distractor_rng = jax.random.split(rng, 3)
        noise = {"gumbel": gumbel_rng, "dropout": dropout_rng}
        found, measured = terms(params, targets, distractor_rng, weights["temperature"], deterministic=False, rngs=noise)
        return sum(weights[name] * term for name, term in found.items()), {**measured, "temperature": weights["temperature"]}

    def measure(params, targets, batch, rng, weights):
        return terms(params, targets, rng, None, deterministic=True)[1]

    def watch(metrics, done):
        return collapse_warnings(metrics, done, *_codebook_size(model), config.distractors)

    def _inputs(batch):
        audio, length = to_float(batch["audio"]), batch["length"]
        if config.model == "teacher":
            audio = wav2vec2.normalise(audio, valid_frames(length, audio.shape[1]))
        return audio, valid_frames(frames(length), frames(audio.shape[1]))

    return Task(init, targets, loss, weights_of(config), frozen={}, measure=measure, watch=watch)


def weights_of(config):
    """step -> the weights of `config.loss`, and the `temperature` of the Gumbel softmax."""

    def weights(step):
        return loss_weights(config) | {"temperature": gumbel_temperature(config.gumbel, step)}

    return weights


def collapse_warnings(metrics: dict[str, float], done: float, groups: int, entries: int, distractors: int) -> list[str]:
    """What goes wrong in pre-training without an error: a codebook of few entries, or nothing learned.

    Args:
      metrics: `codebook_perplexity` and `contrastive`.
      done: share of the steps.
      groups: G of the codebook.
      entries: V of each group.
      distractors: of the contrastive loss.
    """
    found = []
    used, chance = metrics["codebook_perplexity"], math.log(1 + distractors)
    if done > 0.05 and used < max(1.5 * groups, 0.1 * groups * entries):
        found.append(
            f"the codebook is collapsing: about {used:.0f} of its {groups * entries} entries are in use. Raise "
            "config.loss.diversity, or lower config.optimizer.learning_rate"
        )
    if done > 0.3 and metrics["contrastive"] > 0.99 * chance:
        found.append(
            f"nothing is learned: the contrastive loss {metrics['contrastive']:.2f} is that of guessing ({chance:.2f}). "
            "Shorten config.mask.span, raise config.optimizer.learning_rate, or train longer"
        )
    return found


def _codebook_size(model: nn.Module) -> tuple[int, int]:
    sizes = model.config if isinstance(model, wav2vec2.Wav2Vec2) else model
    return sizes.codebook_groups, sizes.codebook_entries
