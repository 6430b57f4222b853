"""The fields that several configs have in common, section by section, and the choice of a variant."""

from collections.abc import Callable, Mapping

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from s3rl_jax.core.errors import UserError

Variant = Callable[[ConfigDict], None]


def add_run(config: ConfigDict) -> None:
    """How a run begins, how it uses the devices, and what it writes on the way."""
    config.seed = 0  # of initial values, masks, augmentation and the order of the data
    config.log_every = 50  # steps between two lines of the log
    config.steps_per_dispatch = 0  # steps that are compiled into one program; 0: 8 on accelerators, 1 on CPUs
    config.micro_batches = 1  # parts of a batch whose gradients are computed one after the other, for less memory
    config.runlocal = False  # toy models and a few steps: shows in seconds that a run works
    config.wandb = ""  # a project of Weights & Biases
    config.dtype = "float32"  # or bfloat16: the type that the trained model computes in; parameters and losses are float32

    # Many runs at once, each in WORKDIR/members: all combinations of the values that are listed for each field, for example
    # {'loss.gamma': [0, 0.3, 1], 'seed': [0, 1]}. All tasks can vary loss.<name> and seed, distill also teacher.layers,
    # finetune also init.
    config.sweep = placeholder(object)
    # All devices divide the batch.
    config.mesh = ConfigDict()
    config.mesh.sweep = 0  # groups of devices that the members of a sweep are divided over; 0: as many as possible
    config.mesh.fsdp = 0  # devices that each large array of the state is divided over; 0: as few as possible


def add_data(config: ConfigDict) -> None:
    """Which audio is read."""
    config.data = ConfigDict()
    config.data.corpus = ""  # a folder that s3rl_jax.prepare wrote, or several, comma-separated
    config.data.seed = -1  # of the order, crops, augmentation and masks; -1: config.seed
    config.data.memory_gib = 4.0  # corpora up to this size are held on the accelerator; larger ones are read from disk
    config.data.mixture = ConfigDict()
    config.data.mixture.corpora = ()  # a weight for each of data.corpus; empty: by hours


def add_crops(config: ConfigDict) -> None:
    """How recordings are cut into examples for training without labels."""
    config.data.crop_seconds = 2.015  # 100 teacher frames
    config.data.shortest_seconds = 0.4  # shorter recordings are left out
    config.data.fixed_crops = False  # crops on a grid instead of anywhere, the same in each epoch


def add_student(config: ConfigDict) -> None:
    """The model that runs on the device.

    A streaming student looks back 0.32 s a layer, and is stepped hop by hop on the device. Frames of a block (20 ms each) see
    each other: with 8, as many as a hop has, attention looks ahead as far as costs no delay; with 1 it is strictly causal.
    """
    config.student = ConfigDict()
    config.student.size = "tiny"  # tiny, small, large or conv
    config.student.streaming = True  # False: attends to the whole window, as in the paper
    config.student.block = 8  # frames


def add_export(config: ConfigDict) -> None:
    """File formats that the student is converted to before the first step, so that no run ends with a model that has none."""
    config.preflight = True  # convert the untrained student before the first step
    config.export = ConfigDict()
    config.export.quantize = "none,int8"  # as --quantize of s3rl_jax.export, comma-separated
    config.export.io = "float32"  # as --io of s3rl_jax.export
    config.export.target = ""  # as --target of s3rl_jax.export


def add_augmentation(config: ConfigDict) -> None:
    """Random changes of the sound of an example. Ranges are (low, high); a probability of 0 costs nothing."""
    config.augment = ConfigDict()
    config.augment.speed_probability = 0.0  # faster or slower, pitch too; in distillation for teacher and student
    config.augment.speed = (0.9, 1.1)  # times as fast
    config.augment.shift_seconds = 0.0  # at most, either way
    config.augment.reverb_probability = 0.3  # a room: an impulse response of the corpus
    config.augment.band_probability = 0.0  # only a band passes, as through a telephone, a codec or a small loudspeaker
    config.augment.band_low_hz = (50.0, 400.0)  # lower edge of the band
    config.augment.band_high_hz = (3000.0, 7500.0)  # upper edge of the band
    config.augment.speech_probability = 0.0  # another example is mixed in; in fine-tuning one without the keyword
    config.augment.speech_snr_db = (5.0, 20.0)  # of the example against the one that is mixed in
    config.augment.noise_probability = 0.8  # noise of the corpus
    config.augment.snr_db = (0.0, 25.0)  # of the speech against the noise
    config.augment.gain_db = (-10.0, 10.0)  # of the whole example


def add_optimizer(config: ConfigDict) -> None:
    """AdamW, with a linear warm-up of the learning rate and a cosine decay to 0."""
    config.optimizer = ConfigDict()
    config.optimizer.learning_rate = 2e-3  # the peak, after the warm-up
    config.optimizer.warmup = 0.08  # share of the steps
    config.optimizer.weight_decay = 0.01  # of AdamW
    config.optimizer.beta1 = 0.9  # decay of the mean gradient
    config.optimizer.beta2 = 0.98  # decay of the mean squared gradient
    config.optimizer.clip = 1.0  # norm of the gradient, at most


def apply_variant(config: ConfigDict, name: str, variant: str, variants: Mapping[str, Variant]) -> None:
    """Changes the fields that a variant changes.

    Args:
      config: with the fields of the default.
      name: of the config, as in `--config=NAME:VARIANT`.
      variant: empty for the default.
      variants: the function of each.

    Raises:
      UserError: for an unknown variant; lists the known ones.
    """
    if not variant:
        return
    if variant not in variants:
        raise UserError(f"variant {variant!r} of {name}: expected one of {', '.join(variants)}, or none")
    variants[variant](config)
