"""Fine-tunes a student to detect a keyword.

    python -m s3rl_jax.train --config=configs/finetune.py --workdir=runs/alexa --config.data.corpus=corpus \\
        --config.init=runs/distilled --config.keyword=alexa

Without `--config.init` the student begins at random: the "no teacher" baseline. `finetune.py:quantization_aware` with
`--config.init=runs/alexa` goes on from a detector, rounding as an int8 file does, to win back what quantisation loses.
`finetune.py:mined` goes on with what `python -m s3rl_jax.mine` found among the negatives. `finetune.py:speech_commands_12`
and `:speech_commands_35` are the two tasks of Speech Commands (arXiv 1804.03209). The paper trains 150 000 steps of 2048; the
default is for minutes of keyword on a laptop.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

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
    config.init = ""  # a workdir of distill, of pretrain with model=student, or of finetune to go on from; empty: random
    config.encoder = "trained"  # or frozen
    config.measure = "stream"  # what evaluate does: a detector in a stream, or "clips" into classes
    config.quantization_aware = False  # round weights and activations as an int8 file does
    config.seed = 0
    config.steps = 1000
    config.batch_size = 64
    config.log_every = 50
    config.checkpoint_every = 250
    config.steps_per_dispatch = 0  # 0: 8 on accelerators, 1 on CPUs
    config.micro_batches = 1  # the gradient of a batch in so many parts, one after the other, for less memory
    config.runlocal = False  # everything at the least size: see that a run goes through, in seconds
    config.wandb = ""  # a project of Weights & Biases
    # Many runs at once, all combinations of what is listed; loss.<name>, init and seed can differ. See configs/distill.py.
    config.sweep = placeholder(object)
    config.mesh = ConfigDict({"sweep": 0, "fsdp": 0})

    config.data = ConfigDict()
    config.data.corpus = ""
    config.data.seed = -1  # of the order, crops, augmentation and masks; -1: config.seed
    config.data.memory_gib = 4.0  # corpora up to this size are held on the accelerator; larger ones are read through tf.data
    config.data.window_seconds = 1.5
    config.data.lead_seconds = 1.0  # sound before the window, for a streaming student: as far as it looks back in a stream
    config.data.hop_seconds = 0.16  # how often a device scores
    # Weights of what a batch is made of, and within each of these of the corpora in data.corpus (empty: by hours).
    config.data.mixture = ConfigDict({"keyword": 0.25, "negative": 0.65, "noise": 0.1, "corpora": ()})
    config.data.keyword_clips = 0  # of the first corpus, no more than so many recordings of each keyword; 0: all
    config.data.context_probability = 0.7  # that another recording, not silence, surrounds a clip

    # Empty: that of init, else tiny. A streaming student looks back 0.32 s a layer, and is stepped hop by hop on the device;
    # without, it attends to the whole window (the paper's). Frames of a block (20 ms each) see each other: with 8, as many
    # as a hop has, attention looks ahead as far as costs no delay; with 1 it is strictly causal. With init, it is what
    # init is.
    config.dtype = "float32"  # or bfloat16: what the student computes in; parameters and losses are float32
    config.student = ConfigDict({"size": "", "streaming": True, "block": 8})
    config.loss = ConfigDict({"classification": 1.0})
    config.class_weights = ()  # empty: all 1; else one for "no keyword" and one for each keyword
    config.label_smoothing = 0.05

    # Before the first step: whether the student can be exported in these forms; see s3rl_jax.export. Several kinds of quantize
    # are comma-separated.
    config.preflight = True
    config.export = ConfigDict({"quantize": "none,int8", "io": "float32", "target": ""})

    # Ranges are (low, high); a probability of 0 costs nothing. With hours of real recordings and 1000 steps, speed, band and
    # speech together made it worse (README), so they are off; with few recordings or longer training, try them.
    config.augment = ConfigDict()
    config.augment.speed_probability = 0.0  # faster or slower, pitch too
    config.augment.speed = (0.9, 1.1)
    config.augment.shift_seconds = 0.0  # at most, either way
    config.augment.reverb_probability = 0.3
    config.augment.band_probability = 0.0  # that only a band passes, as through a telephone, a codec or a small loudspeaker
    config.augment.band_low_hz = (50.0, 400.0)
    config.augment.band_high_hz = (3000.0, 7500.0)
    config.augment.speech_probability = 0.0  # that another example without the keyword is mixed in
    config.augment.speech_snr_db = (5.0, 20.0)
    config.augment.noise_probability = 0.8
    config.augment.snr_db = (-3.0, 25.0)
    config.augment.gain_db = (-15.0, 10.0)
    # widths in 10 ms frames and in mel bands
    config.spec_augment = ConfigDict({"time_masks": 2, "time_width": 15, "band_masks": 2, "band_width": 8})

    config.optimizer = ConfigDict()
    config.optimizer.learning_rate = 1e-3
    config.optimizer.warmup = 0.1
    config.optimizer.weight_decay = 0.05
    config.optimizer.beta1 = 0.9
    config.optimizer.beta2 = 0.98
    config.optimizer.clip = 1.0
    if variant == "quantization_aware":  # a few hundred steps more, from a detector that is there
        config.quantization_aware = True
        config.steps = 300
        config.optimizer.learning_rate = 1e-4
    if variant == "mined":  # a round more, from a detector that is there, with what s3rl_jax.mine found as the second corpus
        config.steps = 400
        config.data.mixture.corpora = (0.7, 0.3)  # of keyword, negatives and noise, as far as each has some
        config.optimizer.learning_rate = 3e-4
    if variant in ("speech_commands_12", "speech_commands_35"):
        config.measure = "clips"
        config.keyword = ",".join(WORDS_35 if variant.endswith("35") else (*WORDS_12, "_silence_"))
        config.student.streaming = False
        config.data.window_seconds, config.data.lead_seconds = 1.0, 0.0
        config.data.context_probability = 0.0
        shares = {"keyword": 1.0, "negative": 0.0, "noise": 0.0} if variant.endswith("35") else WORDS_12_SHARES
        config.data.mixture.update(shares)
        config.steps, config.checkpoint_every = 20_000, 1000
    if variant == "quickstart":
        config.steps = 600
        config.log_every = 20
        config.preflight = False  # its export comes minutes later anyway
    return config
