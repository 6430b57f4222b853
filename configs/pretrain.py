"""Pre-trains a teacher (wav2vec 2.0, arXiv 2006.11477); `pretrain.py:student` pre-trains a student.

    python -m s3rl_jax.train --config=configs/pretrain.py --workdir=runs/teacher --config.data.corpus=corpus

The default is the tiny teacher for hours of audio on a laptop. `pretrain.py:base` is the published recipe for wav2vec
2.0 base: 95 M parameters, for accelerators and hundreds of hours.
"""

from ml_collections import ConfigDict

from . import shared


def get_config(variant: str = "") -> ConfigDict:
    config = ConfigDict(convert_dict=False)
    config.task = "pretrain"
    config.model = "teacher"  # model to train: teacher or student

    shared.add_run(config)
    config.steps = 4000  # training steps
    config.batch_size = 16  # examples in a step
    config.checkpoint_every = 500  # steps between two checkpoints
    config.remat = False  # compute layers again for their gradient instead of storing their values (no gain on CPUs)

    shared.add_data(config)
    shared.add_crops(config)
    config.validation = ConfigDict()  # measurement on the validation split, if the corpus has one
    config.validation.every = 200  # steps between two measurements; 0: none
    config.validation.batches = 10  # batches of a measurement

    config.teacher = ConfigDict()
    config.teacher.size = "tiny"  # size of the teacher: tiny or base
    shared.add_student(config)

    # Unlike the published recipe, for hours of audio instead of hundreds: spans of 100 ms, because with 200 ms the model learns
    # little in so few steps; five times the diversity weight, because with 0.1 only 8 of the codebook's 128 entries are in use
    # after 1000 steps.
    config.mask = ConfigDict()
    config.mask.probability = 0.08  # probability that a span begins at a frame
    config.mask.span = 5  # frames of a span
    config.kappa = 0.1  # temperature of the contrastive loss
    config.distractors = 100  # codes of other frames with which a frame is compared
    config.gumbel = ConfigDict()  # temperature of the quantiser's Gumbel softmax
    config.gumbel.start = 1.0  # at step 0
    config.gumbel.end = 0.5  # the lowest
    config.gumbel.decay = 0.999  # factor at each step
    config.loss = ConfigDict()
    config.loss.contrastive = 1.0  # weight of the contrastive loss: distinguish the code of a masked frame from distractors
    config.loss.diversity = 0.5  # weight of the diversity loss: use all entries of the codebook
    config.loss.feature_penalty = 0.1  # weight of the mean square of the convolutions' output

    shared.add_optimizer(config)
    shared.apply_variant(config, "pretrain", variant, VARIANTS)
    return config


def teacher(config: ConfigDict) -> None:
    """The default, by name."""
    config.model = "teacher"


def student(config: ConfigDict) -> None:
    """Pre-trains the student without a teacher."""
    config.model = "student"


def base(config: ConfigDict) -> None:
    """The published recipe of wav2vec 2.0 base."""
    config.teacher.size = "base"
    config.steps = 400_000
    config.batch_size = 384
    config.data.crop_seconds = 15.0
    config.mask.probability, config.mask.span = 0.065, 10
    config.gumbel.start, config.gumbel.decay = 2.0, 0.999995
    config.loss.diversity = 0.1
    config.loss.feature_penalty = 10.0
    config.optimizer.learning_rate = 5e-4
    config.optimizer.warmup = 0.08  # 32 000 steps
    config.checkpoint_every = 5000
    config.validation.every = 2000
    config.dtype = "bfloat16"


VARIANTS = {"teacher": teacher, "student": student, "base": base}
