"""The fields that several configs have, section by section, and the choice of a variant."""

from collections.abc import Callable, Mapping

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from s3rl_jax.core.errors import UserError

Variant = Callable[[ConfigDict], None]


def add_run(config: ConfigDict) -> None:
    """The seed of a run, its use of the devices, and its logs."""
    config.seed = 0  # seed of initial parameters, masks, augmentation and the order of the data
    config.log_every = 50  # steps between two lines of the log
    config.steps_per_dispatch = 0  # steps that are compiled into one program; 0: 8 on accelerators, 1 on CPUs
    config.micro_batches = 1  # parts of a batch whose gradients are computed one after the other, to save memory
    config.runlocal = False  # shrink the run to toy models and a few steps, to test it in seconds
    config.wandb = ""  # project of Weights & Biases; empty: none
    config.dtype = "float32"  # dtype in which the trained model computes, or bfloat16; parameters and losses are float32

    # Several runs at once, each in WORKDIR/members: all combinations of the values that are listed for each field, for example
    # {'loss.gamma': [0, 0.3, 1], 'seed': [0, 1]}. Members may differ in loss.<name> and seed; of distill also in
    # teacher.layers, of finetune also in init.
    config.sweep = placeholder(object)
    # The batch is divided over all devices.
    config.mesh = ConfigDict()
    config.mesh.sweep = 0  # number of groups of devices over which members of a sweep are divided; 0: as many as possible
    config.mesh.fsdp = 0  # number of devices over which each large array of the state is divided; 0: as few as possible


def add_data(config: ConfigDict) -> None:
    """The audio that is read."""
    config.data = ConfigDict()
    config.data.corpus = ""  # a folder that s3rl_jax.prepare wrote, or several, comma-separated; starter is the starter set
    config.data.starter = False  # add the starter set: real speech without keyword, noise and music, as one more corpus
    # Sources of recordings that are left out of training, as the corpus names them, to judge the detector on them.
    config.data.without = ()
    config.data.seed = -1  # seed of the order, crops, augmentation and masks; -1: config.seed
    config.data.memory_gib = 4.0  # a corpus up to this size is held on the accelerator; a larger one is read from disk
    config.data.mixture = ConfigDict()
    config.data.mixture.corpora = ()  # a weight for each corpus of data.corpus; empty: its hours


def add_crops(config: ConfigDict) -> None:
    """The examples for training without labels, which are crops of recordings."""
    config.data.crop_seconds = 2.015  # length of a crop; the default gives 100 teacher frames
    config.data.shortest_seconds = 0.4  # recordings shorter than this are left out
    config.data.fixed_crops = False  # crops on a grid, the same in each epoch, instead of random ones


def add_student(config: ConfigDict) -> None:
    """The model that runs on the device.

    A streaming student looks back 0.32 s in each layer, and computes hop by hop on the device. Frames (20 ms) attend to all
    frames of their block. With a block of 8, the frames of a hop, this adds no delay; with 1, attention is strictly causal.
    """
    config.student = ConfigDict()
    config.student.size = "tiny"  # tiny, small, large or conv
    config.student.streaming = True  # False: the student attends to the whole window, as in the paper
    config.student.block = 8  # 20 ms frames of a block
    # logmel; or micro, the features that ESPHome's micro_wake_word computes, for export --target=esphome.
    config.student.front_end = "logmel"


def add_export(config: ConfigDict) -> None:
    """The preflight: the untrained student is exported before the first step, to find early that it cannot be."""
    config.preflight = True  # export the untrained student before the first step
    config.export = ConfigDict()
    config.export.quantize = "none,int8"  # values of --quantize of s3rl_jax.export, comma-separated
    config.export.io = "float32"  # as --io of s3rl_jax.export
    config.export.target = ""  # as --target of s3rl_jax.export


def add_augmentation(config: ConfigDict) -> None:
    """Random changes of the sound of an example. Ranges are (low, high); a probability of 0 costs nothing."""
    config.augment = ConfigDict()
    config.augment.speed_probability = 0.0  # probability of a change of speed and pitch; in distillation also for the teacher
    config.augment.speed = (0.9, 1.1)  # factor of the speed
    config.augment.shift_seconds = 0.0  # largest shift in time, earlier or later
    config.augment.reverb_probability = 0.3  # probability of a room, an impulse response of the corpus
    config.augment.band_probability = 0.0  # probability of a band-pass, as by a telephone, a codec or a small loudspeaker
    config.augment.band_low_hz = (50.0, 400.0)  # lower edge of the band
    config.augment.band_high_hz = (3000.0, 7500.0)  # upper edge of the band
    config.augment.speech_probability = 0.0  # probability that another example is mixed in, in fine-tuning one without keyword
    config.augment.speech_snr_db = (5.0, 20.0)  # level of the example above the one that is mixed in
    config.augment.noise_probability = 0.8  # probability of noise, a recording of the corpus
    config.augment.snr_db = (0.0, 25.0)  # level of the speech above the noise
    config.augment.gain_db = (-10.0, 10.0)  # gain of the whole example


def add_optimizer(config: ConfigDict) -> None:
    """AdamW, with a linear warm-up of the learning rate and a cosine decay to 0."""
    config.optimizer = ConfigDict()
    config.optimizer.learning_rate = 2e-3  # highest learning rate, after the warm-up
    config.optimizer.warmup = 0.08  # share of the steps for the warm-up
    config.optimizer.weight_decay = 0.01  # weight decay of AdamW
    config.optimizer.beta1 = 0.9  # decay of the mean gradient
    config.optimizer.beta2 = 0.98  # decay of the mean squared gradient
    config.optimizer.clip = 1.0  # largest norm of the gradient


def apply_variant(config: ConfigDict, name: str, variant: str, variants: Mapping[str, Variant]) -> None:
    """Applies a variant to a configuration.

    Args:
      config: the configuration with its default fields.
      name: name of the config, as in `--config=NAME:VARIANT`.
      variant: name of the variant; empty: the default.
      variants: a function for each variant.

    Raises:
      UserError: for an unknown variant; lists the known ones.
    """
    if not variant:
        return
    if variant not in variants:
        raise UserError(f"variant {variant!r} of {name}: expected one of {', '.join(variants)}, or none")
    variants[variant](config)
