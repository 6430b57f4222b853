"""AdamW with warm-up and cosine decay."""

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from s3rl_jax.core.errors import UserError

STUDENT = "student"  # name of the student's parameters


def learning_rate(settings: ConfigDict, steps: int) -> optax.Schedule:
    """Schedule that rises linearly from 0 over a share `warmup` of the steps, then falls to 0 as a cosine.

    Raises:
      UserError: for a warm-up outside [0, 1).
    """
    if not 0 <= settings.warmup < 1:
        raise UserError(f"config.optimizer.warmup={settings.warmup}: expected a share of the steps, in [0, 1)")
    return optax.warmup_cosine_decay_schedule(0.0, settings.learning_rate, int(settings.warmup * steps), max(steps, 1))


def optimizer(settings: ConfigDict, steps: int, trainable: tuple[str, ...] | None) -> optax.GradientTransformation:
    """Creates the optimiser: clipping of the global norm, then AdamW; weights of arrays with two axes or more decay.

    Args:
      settings: `config.optimizer`: learning_rate, warmup, weight_decay, beta1, beta2, clip; in fine-tuning also student_rate,
        the factor of the student's rate, and student_waits, the share of the steps after which the student is trained.
      steps: steps of the whole run.
      trainable: top-level names of the params that are trained; None: all.
    """
    adam = optax.chain(
        optax.clip_by_global_norm(settings.clip),
        optax.adamw(
            learning_rate(settings, steps),
            b1=settings.beta1,
            b2=settings.beta2,
            weight_decay=settings.weight_decay,
            mask=lambda params: jax.tree.map(lambda p: p.ndim > 1, params),
        ),
    )
    rate, first = settings.get("student_rate", 1.0), round(settings.get("student_waits", 0.0) * steps)
    if rate != 1 or first:
        slower = optax.scale_by_schedule(lambda step: jnp.where(step < first, 0.0, rate))
        adam = optax.chain(adam, optax.masked(slower, lambda params: {name: name == STUDENT for name in params}))
    if trainable is None:
        return adam

    def labels(params: dict) -> dict[str, str]:
        return {name: "trained" if name in trainable else "frozen" for name in params}

    return optax.multi_transform({"trained": adam, "frozen": optax.set_to_zero()}, labels)
