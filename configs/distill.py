"""Distils a teacher into a student (arXiv 2307.02720): dual view and the teacher's codebook.

    python -m s3rl_jax.train --config=configs/distill.py --workdir=runs/distilled --config.data.corpus=corpus

Without `--config.teacher.source` the teacher of `config.teacher.pretraining` is pre-trained first, in WORKDIR/teacher.
`distill.py:distilhubert` is the paper's baseline (DistilHuBERT's loss over utterances). The paper trains 75 000 steps
of 512; the default is for hours of audio on a laptop.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from configs import pretrain


def get_config(variant: str = "") -> ConfigDict:
    config = ConfigDict(convert_dict=False)
    config.task = "distill"
    config.seed = 0
    config.steps = 1500
    config.batch_size = 32
    config.log_every = 50
    config.checkpoint_every = 200
    config.steps_per_dispatch = 0  # 0: 8 on accelerators, 1 on CPUs
    config.micro_batches = 1  # the gradient of a batch in so many parts, one after the other, for less memory
    config.runlocal = False  # everything at the least size: see that a run goes through, in seconds
    config.wandb = ""  # a project of Weights & Biases

    # Many students for one pass of the teacher: all combinations of what is listed, each in WORKDIR/members. For example
    # {'loss.gamma': [0, 0.3, 1], 'seed': [0, 1]}; loss.<name>, teacher.layers and seed can differ.
    config.sweep = placeholder(object)
    # Groups of devices that members are divided over (0: as many as go), and devices that each large array of parameters and
    # optimiser state is divided over (0: as few as its size allows). All devices divide the batch.
    config.mesh = ConfigDict({"sweep": 0, "fsdp": 0})

    config.data = ConfigDict()
    config.data.corpus = ""
    config.data.seed = -1  # of the order, crops, augmentation and masks; -1: config.seed
    config.data.crop_seconds = 2.015  # 100 teacher frames
    config.data.shortest_seconds = 0.4
    config.data.memory_gib = 4.0  # corpora up to this size are held on the accelerator; larger ones are read through tf.data
    config.data.mixture = ConfigDict({"corpora": ()})  # a weight for each of data.corpus; empty: by hours
    config.data.fixed_crops = False  # crops on a grid instead of anywhere, the same in each epoch; implied by teacher.cache

    config.teacher = ConfigDict()
    # A workdir of a pre-training, or a folder or hub id of a public wav2vec 2.0, HuBERT or WavLM; empty: pre-train one.
    config.teacher.source = ""
    config.teacher.size = "tiny"  # of the teacher that is pre-trained
    config.teacher.layers = "all"  # or a range or list such as 5-8 or 0,4,9-12; 0 is the transformer's input
    config.teacher.dtype = "float32"  # or bfloat16: what the teacher computes in
    config.teacher.cache = False  # hear the teacher once over fixed crops, in WORKDIR/teacher_targets, and distil from that
    config.teacher.cache_dir = ""  # where else, to share it between runs
    own = pretrain.get_config()
    config.teacher.pretraining = ConfigDict(
        {
            k: own[k]
            for k in own
            if k not in ("task", "model", "data", "teacher", "student", "sweep", "mesh", "runlocal", "wandb")
        }
    )

    # The teacher's own quantiser where it has one (auto), or k-means over a layer (0: three quarters up), fitted first
    # and kept in the corpus's folder.
    config.codebook = ConfigDict({"kind": "auto", "layer": 0, "clusters": 256, "batches": 200, "seed": 0})

    config.dtype = "float32"  # or bfloat16: what the student computes in; parameters and losses are float32
    config.student = ConfigDict({"size": "tiny", "streaming": True, "block": 8})  # see configs/finetune.py
    config.projection = "linear"  # or mlp

    # Weights; 0 turns an objective off. alpha and beta weigh the off-diagonal of the feature and the batch view,
    # cosine (lambda) the cosine term of the regressions, gamma the teacher's codebook by vectors, code_classes by classes,
    # own_codebook one that the student learns with its own quantiser, as wav2vec 2.0 does.
    config.loss = ConfigDict()
    config.loss.dual_view = 1.0
    config.loss.gamma = 1.0
    config.loss.code_classes = 0.0
    config.loss.own_codebook = 0.0
    config.loss.feature_view = 0.0
    config.loss.batch_view = 0.0
    config.loss.frame_regression = 0.0
    config.loss.utterance_regression = 0.0
    config.loss.alpha = 5e-3
    config.loss.beta = 5e-3
    config.loss.cosine = 1.0

    # Open in the paper: centring (Barlow Twins centres, the paper's equations do not), and wav2vec 2.0's values.
    config.centre = True
    config.kappa = 0.1
    config.distractors = 100
    config.mask = ConfigDict({"probability": 0.065, "span": 10})
    # Of loss.own_codebook: its size, the weight of its diversity loss, and its Gumbel temperature.
    config.own_codebook = ConfigDict({"groups": 2, "entries": 64, "diversity": 0.5, "start": 1.0, "end": 0.5, "decay": 0.999})

    # Before the first step: whether the student can be exported in these forms; see s3rl_jax.export. Several kinds of quantize
    # are comma-separated.
    config.preflight = True
    config.export = ConfigDict({"quantize": "none,int8", "io": "float32", "target": ""})

    config.augment = ConfigDict()  # ranges are (low, high); a probability of 0 costs nothing
    config.augment.speed_probability = 0.0  # faster or slower, pitch too: for teacher and student
    config.augment.speed = (0.9, 1.1)
    config.augment.shift_seconds = 0.0  # at most, either way
    config.augment.reverb_probability = 0.3
    config.augment.band_probability = 0.0  # that only a band passes, as through a telephone, a codec or a small loudspeaker
    config.augment.band_low_hz = (50.0, 400.0)
    config.augment.band_high_hz = (3000.0, 7500.0)
    config.augment.speech_probability = 0.0  # that another example is mixed in
    config.augment.speech_snr_db = (5.0, 20.0)
    config.augment.noise_probability = 0.8
    config.augment.snr_db = (0.0, 25.0)
    config.augment.gain_db = (-10.0, 10.0)

    config.optimizer = ConfigDict()
    config.optimizer.learning_rate = 2e-3
    config.optimizer.warmup = 0.08
    config.optimizer.weight_decay = 0.01
    config.optimizer.beta1 = 0.9
    config.optimizer.beta2 = 0.98
    config.optimizer.clip = 1.0

    if variant == "quickstart":
        config.preflight = False  # its export comes minutes later anyway
        config.steps = 200
        config.teacher.pretraining.steps = 200
        config.log_every = config.teacher.pretraining.log_every = 20
    if variant == "distilhubert":
        config.loss.dual_view = 0.0
        config.loss.gamma = 0.0
        config.loss.utterance_regression = 1.0
    return config
