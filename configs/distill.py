"""Distils a teacher into a student, by the recipe that measured best: frame regression with a head for each layer.

    python -m s3rl_jax.train --config=configs/distill.py --workdir=runs/distilled --config.data.corpus=corpus

Without `--config.teacher.source` a teacher is pre-trained first, by `config.teacher.pretraining`, in WORKDIR/teacher.
docs/results.md compares the recipes. `distill.py:conv` is the best one for the convolutional student. `distill.py:paper` is
arXiv 2307.02720: dual view and the teacher's codebook; `distill.py:distilhubert` is its baseline (DistilHuBERT's loss over
utterances, arXiv 2110.01900). The paper trains 75 000 steps of 512; the default is for hours of audio on a laptop,
`distill.py:quickstart` for minutes of audio.
"""

from ml_collections import ConfigDict

from . import pretrain, shared

NOT_IN_PRETRAINING = ("task", "model", "data", "teacher", "student", "sweep", "mesh", "runlocal", "wandb")


def get_config(variant: str = "") -> ConfigDict:
    config = ConfigDict(convert_dict=False)
    config.task = "distill"

    shared.add_run(config)
    config.steps = 1500  # training steps
    config.batch_size = 32  # examples in a step
    config.checkpoint_every = 200  # steps between two checkpoints

    shared.add_data(config)
    shared.add_crops(config)

    config.teacher = ConfigDict()
    # A workdir of pre-training, or a folder or hub id of a public wav2vec 2.0, HuBERT, WavLM or Whisper, such as
    # openai/whisper-tiny; empty: a teacher is pre-trained.
    config.teacher.source = ""
    config.teacher.revision = ""  # branch, tag or commit of a hub id; empty: the newest
    config.teacher.size = "tiny"  # size of a teacher that is pre-trained
    config.teacher.layers = "all"  # layers to compare: all, or a range or list such as 5-8 or 0,4,9-12; 0 is the input
    config.teacher.dtype = "float32"  # dtype in which the teacher computes; or bfloat16
    config.teacher.cache = False  # run the teacher once over the corpus, store its outputs, and distil from them
    config.teacher.cache_dir = ""  # folder of these outputs, to share them between runs; empty: WORKDIR/teacher_targets
    pretraining = pretrain.get_config()
    # The fields of configs/pretrain.py for a teacher that is pre-trained, without those that follow from this config.
    config.teacher.pretraining = ConfigDict({name: pretraining[name] for name in pretraining if name not in NOT_IN_PRETRAINING})

    # The teacher's quantiser, or k-means over a layer, which is fitted first and stored in the corpus's folder.
    config.codebook = ConfigDict()
    config.codebook.kind = "auto"  # quantizer, kmeans, or auto: the quantiser where the teacher has one
    config.codebook.layer = 0  # layer for k-means; 0: the one at three quarters of the depth
    config.codebook.clusters = 256  # number of entries for k-means
    config.codebook.batches = 200  # number of batches on which k-means is fitted
    config.codebook.seed = 0  # seed of the initial centroids of k-means

    shared.add_student(config)
    config.delay_frames = 0  # frames of 20 ms by which the student's output comes later than the teacher's
    config.layer_weights = "learned"  # weights of the layers in the views and regressions: learned or equal
    config.projection = "linear"  # from the student's width to the teacher's: linear, or mlp with one hidden layer

    # Weights; 0 turns an objective off.
    config.loss = ConfigDict()
    config.loss.dual_view = 0.0  # cross-correlation over features and over the batch
    config.loss.gamma = 0.0  # contrastive prediction of the teacher's code vectors
    config.loss.code_classes = 0.0  # classification of the teacher's codes
    config.loss.own_codebook = 0.0  # contrastive prediction of codes that the student learns, as wav2vec 2.0 does
    config.loss.feature_view = 0.0  # cross-correlation over features alone
    config.loss.batch_view = 0.0  # cross-correlation over the batch alone
    config.loss.frame_regression = 0.0  # distance to the teacher's features at each frame
    config.loss.utterance_regression = 0.0  # distance to the mean of the teacher's features over time
    config.loss.layer_regression = 1.0  # distance to each layer at each frame, standardised, with a head for each layer
    config.loss.alpha = 5e-3  # weight of the feature view's off-diagonal
    config.loss.beta = 5e-3  # weight of the batch view's off-diagonal
    config.loss.cosine = 1.0  # weight of the cosine term in the regressions (lambda in DistilHuBERT)

    # The paper does not say whether it centres (Barlow Twins does, its equations do not). The other values are wav2vec 2.0's.
    config.centre = True
    config.kappa = 0.1  # temperature of the contrastive losses
    config.distractors = 100  # codes of other frames with which a frame is compared
    config.mask = ConfigDict()
    config.mask.probability = 0.065  # probability that a span begins at a frame
    config.mask.span = 10  # frames of a span
    # Give the views and the regressions a second pass of the student, over an input without masks: a step takes up to twice as
    # long. Otherwise they learn from the masked input that the codebook objectives need.
    config.mask.separate_pass = False
    config.own_codebook = ConfigDict()  # settings of loss.own_codebook
    config.own_codebook.groups = 2  # number of groups of the codebook
    config.own_codebook.entries = 64  # entries in each group
    config.own_codebook.diversity = 0.5  # weight of the diversity loss
    config.own_codebook.start = 1.0  # Gumbel temperature at step 0
    config.own_codebook.end = 0.5  # lowest Gumbel temperature
    config.own_codebook.decay = 0.999  # factor of the Gumbel temperature at each step

    shared.add_augmentation(config)
    shared.add_optimizer(config)
    shared.add_export(config)
    # The detector for the preflight; see data in configs/finetune.py.
    config.detector = ConfigDict()
    config.detector.window_seconds = 1.5
    config.detector.hop_seconds = 0.16
    config.detector.lead_seconds = 1.0
    shared.apply_variant(config, "distill", variant, VARIANTS)
    return config


def quickstart(config: ConfigDict) -> None:
    """A run of a few minutes on a laptop."""
    config.preflight = False  # the export follows minutes later
    config.steps = 200
    config.teacher.pretraining.steps = 200
    config.log_every = config.teacher.pretraining.log_every = 20


def conv(config: ConfigDict) -> None:
    """The convolutional student, which gains by the dual view too."""
    config.student.size = "conv"
    config.loss.dual_view = 1.0


def paper(config: ConfigDict) -> None:
    """Dual view and the teacher's codebook. With `config.mask.separate_pass` neither harms the other."""
    config.loss.layer_regression = 0.0
    config.loss.dual_view = 1.0
    config.loss.gamma = 1.0


def distilhubert(config: ConfigDict) -> None:
    """The paper's baseline: regression of whole utterances."""
    config.loss.layer_regression = 0.0
    config.loss.utterance_regression = 1.0


VARIANTS = {"quickstart": quickstart, "conv": conv, "paper": paper, "distilhubert": distilhubert}
