"""Fine-tunes a student to detect a keyword.

    python -m s3rl_jax.train --config=configs/finetune.py --workdir=runs/alexa --config.data.corpus=corpus \\
        --config.init=runs/distilled --config.keyword=alexa

Without `--config.init` training starts from the pretrained student of the same size, if there is one; with `--config.init=`
from random parameters (the "no teacher" baseline). `finetune.py:quantization_aware` with `--config.init=runs/alexa` continues
the training of a detector with the rounding of an int8 file, so that quantisation loses less. `finetune.py:mined` continues
with the corpus of `python -m s3rl_jax.mine` among the negatives. `finetune.py:head` trains a head on a frozen student whose
outputs are computed once for all keywords. `finetune.py:esphome` trains a conv student on the features of ESPHome's
micro_wake_word, for `python -m s3rl_jax.export --target=esphome`. `finetune.py:speech_commands_12` and
`:speech_commands_35` are the two tasks of Speech Commands (arXiv 1804.03209). The paper trains 150 000 steps of 2048; the
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
    config.keyword = "alexa"  # one keyword or several, comma-separated
    # Initial parameters. pretrained: the student of config.student.size that comes with the package, if there is one with
    # these fields; pretrained:tiny and the like: that student; a file that s3rl_jax.pretrained wrote; a workdir of distill, of
    # pretrain with model=student, or of finetune, whose detector is trained further; empty: random.
    config.init = "pretrained"
    # Whether the student is trained or frozen; cached: frozen, and run over the corpus once, for the heads of all keywords.
    config.encoder = "trained"
    config.encoder_copies = 2  # augmented copies of each recording in the cache
    config.measure = "stream"  # what evaluate measures: detection in a stream, or classification of clips
    config.quantization_aware = False  # round weights and activations as an int8 file does

    shared.add_run(config)
    config.steps = 1000  # training steps
    config.batch_size = 64  # examples in a step
    config.checkpoint_every = 250  # steps between two checkpoints

    shared.add_data(config)
    # Length of the window that one score covers. 0: what the keyword's recordings need, at least 1.5.
    config.data.window_seconds = 0.0
    config.data.lead_seconds = 1.0  # length of the sound before the window, to which a streaming student looks back
    config.data.hop_seconds = 0.16  # time from one score to the next
    # Weights of the parts of a batch; within each part, data.mixture.corpora.
    config.data.mixture.keyword = 0.25  # recordings of a keyword
    config.data.mixture.negative = 0.65  # other speech
    config.data.mixture.noise = 0.1  # noise alone
    config.data.keyword_clips = 0  # the most recordings of each keyword to use from the first corpus; 0: all
    config.data.context_probability = 0.7  # probability that another recording, not silence, surrounds a clip

    shared.add_student(config)
    config.student.size = ""  # empty: the size of init, or tiny; with init, all fields of the student are those of init
    config.head = ConfigDict()
    # Pooling of the logits at frames to those of a window: mean, attention (a mean with learned weights), or max (the frame
    # with the highest score).
    config.head.pooling = "mean"
    config.loss = ConfigDict()
    config.loss.classification = 1.0  # weight of the cross-entropy
    config.class_weights = ()  # a weight for "no keyword" and one for each keyword; empty: all 1
    config.label_smoothing = 0.05  # share of the target that is spread over all labels
    config.focus = 0.0  # exponent of the focal loss, such as 2, which weighs down examples that are classified well; 0: none
    config.negative_growth = 1.0  # factor of the weight of "no keyword" at the last step; it grows linearly from 1

    # With hours of real recordings and 1000 steps, speed, band and speech together made the detector worse (docs/data.md), so
    # they are off. Try them with few recordings or longer training.
    shared.add_augmentation(config)
    config.augment.snr_db = (-3.0, 25.0)
    config.augment.gain_db = (-15.0, 10.0)
    config.augment.pitch_probability = 0.0  # probability of another pitch at the same tempo
    config.augment.pitch = (0.87, 1.15)  # factor of the pitch
    config.augment.vocal_tract_probability = 0.0  # probability of another length of the vocal tract
    config.augment.vocal_tract = (0.88, 1.13)  # factor of the formants; above 1 for a shorter vocal tract
    config.spec_augment = ConfigDict()
    config.spec_augment.time_masks = 2  # number of stretches of frames that are set to zero
    config.spec_augment.time_width = 15  # 10 ms frames of the longest stretch
    config.spec_augment.band_masks = 2  # number of stretches of mel bands that are set to zero
    config.spec_augment.band_width = 8  # mel bands of the widest stretch

    shared.add_optimizer(config)
    config.optimizer.learning_rate = 1e-3
    config.optimizer.warmup = 0.1
    config.optimizer.weight_decay = 0.05
    config.optimizer.student_rate = 1.0  # factor of the student's learning rate
    config.optimizer.student_waits = 0.0  # share of the steps, at the beginning, in which the head alone is trained
    # Decay of a moving average of the parameters, such as 0.99 or 0.999 (over some 100 or 1000 steps), which is evaluated and
    # exported instead of the last parameters; 0: none.
    config.optimizer.average = 0.0

    # Mining as a part of the run: at the beginning of each round the detector scores all recordings without the keyword as a
    # stream, and the windows that score highest replace a share of the negatives. Rounds end when the scores fall no more.
    config.mining = ConfigDict()
    config.mining.rounds = 0  # the most rounds; 0: none
    config.mining.begin = 0.5  # share of the steps before the first round; the others follow at equal distances
    config.mining.share = 0.3  # share of the negatives of a batch that are mined windows
    config.mining.windows = 1000  # the most windows of a round
    config.mining.threshold = 0.05  # lowest smoothed score of a window

    # The choice of the checkpoint that is evaluated and exported: the one with the fewest misses on a stream of the validation
    # split, in clean and in noise; of equal ones, that with the fewest false accepts. Without such a split: the last step.
    config.choice = ConfigDict()
    config.choice.every = 0  # steps between two scorings, each of which also saves a checkpoint; 0: the last step is taken
    config.choice.rate = 10.0  # false accepts an hour at which misses are counted
    config.choice.snr_db = 5.0  # level of the speech above the noise
    config.choice.hours = 0.5  # the longest stream, always of the same recordings

    shared.add_export(config)
    shared.apply_variant(config, "finetune", variant, VARIANTS)
    return config


def quickstart(config: ConfigDict) -> None:
    """A run of a few minutes on a laptop."""
    config.steps = 600
    config.data.starter = True
    config.log_every = 20
    config.preflight = False  # the export follows minutes later


def quantization_aware(config: ConfigDict) -> None:
    """Trains a detector for 300 more steps, with rounding."""
    config.quantization_aware = True
    config.steps = 300
    config.optimizer.learning_rate = 1e-4


def mined(config: ConfigDict) -> None:
    """Trains a detector for 400 more steps; the second corpus is the one that s3rl_jax.mine wrote."""
    config.steps = 400
    config.data.mixture.corpora = (0.7, 0.3)  # weights of the two corpora
    config.optimizer.learning_rate = 3e-4


def esphome(config: ConfigDict) -> None:
    """A detector for ESPHome's micro_wake_word, on an ESP32. It starts from random parameters, so it trains for longer."""
    config.student.size = "conv"
    config.student.front_end = "micro"
    config.steps = 6000
    config.export.quantize, config.export.target = "int8", "esphome"


def head(config: ConfigDict) -> None:
    """Trains a head on cached outputs of the student: seconds for a word, once the cache is there."""
    config.encoder = "cached"
    config.batch_size = 256
    config.optimizer.learning_rate = 1e-2
    config.spec_augment.time_masks = config.spec_augment.band_masks = 0
    config.preflight = False


def speech_commands_12(config: ConfigDict) -> None:
    """Classifies ten words, other words and silence."""
    _classify_clips(config, (*WORDS_12, "_silence_"))
    config.data.mixture.update(WORDS_12_SHARES)


def speech_commands_35(config: ConfigDict) -> None:
    """Classifies all 35 words of the second version."""
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
    "esphome": esphome,
    "head": head,
    "speech_commands_12": speech_commands_12,
    "speech_commands_35": speech_commands_35,
}
