"""Fine-tunes a student to detect a keyword.

    python -m s3rl_jax.train --config=configs/finetune.py --workdir=runs/alexa --config.data.corpus=corpus \\
        --config.init=runs/distilled --config.keyword=alexa

Without `--config.init` the student begins with the pretrained one of its size, where there is one; with `--config.init=` at
random: the "no teacher" baseline. `finetune.py:quantization_aware` with
`--config.init=runs/alexa` continues the training of a detector with the rounding of an int8 file, so that quantisation
loses less.
`finetune.py:mined` continues with the corpus of `python -m s3rl_jax.mine` among the negatives. `finetune.py:speech_commands_12`
and `:speech_commands_35` are the two tasks of Speech Commands (arXiv 1804.03209). The paper trains 150 000 steps of 2048; the
default is for minutes of keyword on a laptop.
"""

from ml_collections import ConfigDict

from . import shared

WORDS_12 = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
WORDS_12_SHARES = {"keyword": 10 / 12, "negative": 1 / 12, "noise": 1 / 12}  # of batches: other words, and silence
WORDS_35 = (
    *WORDS_12,
    *("backward", "bed", "bird", "cat", "dog", "eight", "five", "follow", "forward", "four", "happy", "house", "learn"),
    *("marvin", "nine", "one", "seven", "sheila", "six", "three", "tree", "two", "visual", "wow", "zero"),
)


def get_config(variant: str = "") -> ConfigDict:
    config = ConfigDict(convert_dict=False)
    config.task = "finetune"
    config.keyword = "alexa"  # one or several, comma-separated
    # What it starts from: pretrained, the student of config.student.size that comes with the package, where it fits;
    # pretrained:tiny and so on; a file of s3rl_jax.pretrained; a workdir of distill, of pretrain with model=student, or of
    # finetune to go on from; empty: random values.
    config.init = "pretrained"
    config.encoder = "trained"  # or frozen
    config.measure = "stream"  # how evaluate measures: stream (a detector) or clips (classification)
    config.quantization_aware = False  # round weights and activations as an int8 file does

    shared.add_run(config)
    config.steps = 1000  # of training
    config.batch_size = 64  # examples in a step
    config.checkpoint_every = 250  # steps between two checkpoints

    shared.add_data(config)
    config.data.window_seconds = 1.5  # that one score is about; longer than the keyword
    config.data.lead_seconds = 1.0  # sound before the window, for a streaming student: as far as it looks back in a stream
    config.data.hop_seconds = 0.16  # how often a device scores
    # Weights of the parts of a batch; within each part, data.mixture.corpora.
    config.data.mixture.keyword = 0.25  # recordings of a keyword
    config.data.mixture.negative = 0.65  # other speech
    config.data.mixture.noise = 0.1  # noise alone
    config.data.keyword_clips = 0  # of the first corpus, no more than so many recordings of each keyword; 0: all
    config.data.context_probability = 0.7  # that another recording, not silence, surrounds a clip

    shared.add_student(config)
    config.student.size = ""  # empty: that of init, else tiny; with init, the whole student is what init is
    config.head = ConfigDict()
    # How the logits of a window's frames become those of the window: mean, attention (a weighted mean whose weights are
    # learned), or max (the frame that is surest of the keyword).
    config.head.pooling = "mean"
    config.loss = ConfigDict()
    config.loss.classification = 1.0  # weight of the cross-entropy
    config.class_weights = ()  # empty: all 1; else one for "no keyword" and one for each keyword
    config.label_smoothing = 0.05  # share of the target that goes to the other labels

    # With hours of real recordings and 1000 steps, speed, band and speech together made it worse (docs/data.md), so they
    # are off; with few recordings or longer training, try them.
    shared.add_augmentation(config)
    config.augment.snr_db = (-3.0, 25.0)
    config.augment.gain_db = (-15.0, 10.0)
    config.spec_augment = ConfigDict()
    config.spec_augment.time_masks = 2  # stretches of time that are hidden
    config.spec_augment.time_width = 15  # frames of 10 ms, at most
    config.spec_augment.band_masks = 2  # groups of bands that are hidden
    config.spec_augment.band_width = 8  # mel bands, at most

    shared.add_optimizer(config)
    config.optimizer.learning_rate = 1e-3
    config.optimizer.warmup = 0.1
    config.optimizer.weight_decay = 0.05
    config.optimizer.student_rate = 1.0  # the student's learning rate, times the head's
    config.optimizer.student_waits = 0.0  # share of the steps, at the beginning, in which the head alone is trained

    shared.add_export(config)
    shared.apply_variant(config, "finetune", variant, VARIANTS)
    return config


def quickstart(config: ConfigDict) -> None:
    """A few minutes on a laptop."""
    config.steps = 600
    config.log_every = 20
    config.preflight = False  # the export follows minutes later


def quantization_aware(config: ConfigDict) -> None:
    """300 more steps of a detector, with rounding."""
    config.quantization_aware = True
    config.steps = 300
    config.optimizer.learning_rate = 1e-4


def mined(config: ConfigDict) -> None:
    """400 more steps of a detector; the second corpus is the one that s3rl_jax.mine wrote."""
    config.steps = 400
    config.data.mixture.corpora = (0.7, 0.3)  # of keyword, negatives and noise, as far as each has some
    config.optimizer.learning_rate = 3e-4


def speech_commands_12(config: ConfigDict) -> None:
    """Ten words, other words and silence."""
    _classify_clips(config, (*WORDS_12, "_silence_"))
    config.data.mixture.update(WORDS_12_SHARES)


def speech_commands_35(config: ConfigDict) -> None:
    """All words of the second version."""
    _classify_clips(config, WORDS_35)
    config.data.mixture.update({"keyword": 1.0, "negative": 0.0, "noise": 0.0})


def _classify_clips(config: ConfigDict, words: tuple[str, ...]) -> None:
    config.measure = "clips"
    config.keyword = ",".join(words)
    config.student.streaming = False
    config.data.window_seconds, config.data.lead_seconds = 1.0, 0.0
    config.data.context_probability = 0.0
    config.steps, config.checkpoint_every = 20_000, 1000


VARIANTS = {
    "quickstart": quickstart,
    "quantization_aware": quantization_aware,
    "mined": mined,
    "speech_commands_12": speech_commands_12,
    "speech_commands_35": speech_commands_35,
}
