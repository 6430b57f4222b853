"""The objectives of distillation by the name of their weight in `config.loss`."""

from ml_collections import ConfigDict

from s3rl_jax.core.errors import UserError
from s3rl_jax.tasks.objectives.code_classes import CodeClasses
from s3rl_jax.tasks.objectives.layer_regression import LayerRegression
from s3rl_jax.tasks.objectives.objective import Objective
from s3rl_jax.tasks.objectives.own_codebook import OwnCodebook
from s3rl_jax.tasks.objectives.regressions import FrameRegression, UtteranceRegression
from s3rl_jax.tasks.objectives.teacher_codebook import TeacherCodebook
from s3rl_jax.tasks.objectives.views import BatchView, DualView, FeatureView

OBJECTIVES: dict[str, type[Objective]] = {
    objective.name: objective
    for objective in (
        DualView,
        FeatureView,
        BatchView,
        TeacherCodebook,
        CodeClasses,
        OwnCodebook,
        FrameRegression,
        UtteranceRegression,
        LayerRegression,
    )
}


def active_objectives(config: ConfigDict) -> list[type[Objective]]:
    """The objectives whose weight is not 0, in the order of their names.

    Raises:
      UserError: if there is none.
    """
    active = [OBJECTIVES[name] for name in sorted(OBJECTIVES) if config.loss[name]]
    if not active:
        raise UserError(f"config.loss: every objective has weight 0; expected one of {', '.join(OBJECTIVES)}")
    return active
