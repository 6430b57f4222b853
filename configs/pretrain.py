"""Pre-trains a teacher (wav2vec 2.0, arXiv 2006.11477), or, as `pretrain.py:student`, the student itself.

    python -m s3rl_jax.train --config=configs/pretrain.py --workdir=runs/teacher --config.data.corpus=corpus

The default is the tiny teacher for hours of audio on a laptop. `pretrain.py:base` is the published recipe for wav2vec
2.0 base: 95 M parameters, for accelerators and hundreds of hours.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder


def get_config(variant: str = "teacher") -> ConfigDict:
    config = ConfigDict(convert_dict=False)
    config.task = "pretrain"
    config.model = "student" if variant == "student" else "teacher"
    config.seed = 0
    config.steps = 4000
    config.batch_size = 16
    config.log_every = 50
    config.checkpoint_every = 500
    config.steps_per_dispatch = 0  # 0: 8 on accelerators, 1 on CPUs
    config.micro_batches = 1  # the gradient of a batch in so many parts, one after the other, for less memory
    config.runlocal = False  # everything at the least size: see that a run goes through, in seconds
    config.wandb = ""  # a project of Weights & Biases
    # Many runs at once, all combinations of what is listed; loss.<name> and seed can differ. See configs/distill.py.
    config.sweep = placeholder(object)
    config.mesh = ConfigDict({"sweep": 0, "fsdp": 0})

    config.data = ConfigDict()
    config.data.corpus = ""
    config.data.seed = -1  # of the order, crops, augmentation and masks; -1: config.seed
    config.data.crop_seconds = 2.015  # 100 teacher frames
    config.data.shortest_seconds = 0.4
    config.data.memory_gib = 4.0  # corpora up to this size are held on the accelerator; larger ones are read through tf.data
    config.data.mixture = ConfigDict({"corpora": ()})  # a weight for each of data.corpus; empty: by hours
    config.data.fixed_crops = False  # crops on a grid instead of anywhere, the same in each epoch

    # The validation split, if the corpus has one: this many batches of it, every so many steps; 0: never.
    config.validation = ConfigDict({"every": 200, "batches": 10})
    config.dtype = "float32"  # or bfloat16: what is computed in; parameters and losses are float32
    config.remat = False  # compute each layer again for its gradient instead of keeping what it made (no gain on CPUs)

    config.teacher = ConfigDict({"size": "tiny"})
    config.student = ConfigDict({"size": "tiny", "streaming": True, "block": 8})  # see configs/finetune.py

    # Of hours instead of hundreds: spans of 100 ms, because with 200 ms little is learned in so few steps, and five times
    # the diversity weight, because with 0.1 the codebook shrinks to 8 of its 128 entries within 1000 steps.
    config.mask = ConfigDict({"probability": 0.08, "span": 5})
    config.kappa = 0.1
    config.distractors = 100
    config.gumbel = ConfigDict({"start": 1.0, "end": 0.5, "decay": 0.999})
    config.loss = ConfigDict({"contrastive": 1.0, "diversity": 0.5, "feature_penalty": 0.1})

    config.optimizer = ConfigDict()
    config.optimizer.learning_rate = 2e-3
    config.optimizer.warmup = 0.08
    config.optimizer.weight_decay = 0.01
    config.optimizer.beta1 = 0.9
    config.optimizer.beta2 = 0.98
    config.optimizer.clip = 1.0

    if variant == "base":
        config.teacher.size = "base"
        config.steps = 400_000
        config.batch_size = 384
        config.data.crop_seconds = 15.0
        config.mask = ConfigDict({"probability": 0.065, "span": 10})
        config.gumbel = ConfigDict({"start": 2.0, "end": 0.5, "decay": 0.999995})
        config.loss = ConfigDict({"contrastive": 1.0, "diversity": 0.1, "feature_penalty": 10.0})
        config.optimizer.learning_rate = 5e-4
        config.optimizer.warmup = 0.08  # 32 000 steps
        config.checkpoint_every = 5000
        config.validation.every = 2000
        config.dtype = "bfloat16"
    return config
