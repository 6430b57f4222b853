"""Distils a teacher into a student (arXiv 2307.02720): dual view and the teacher's codebook.

    python -m s3rl_jax.train --config=configs/distill.py --workdir=runs/distilled --config.data.corpus=corpus

Without `--config.teacher.source` the teacher of `config.teacher.pretraining` is pre-trained first, in WORKDIR/teacher.
`distill.py:distilhubert` is the paper's baseline (DistilHuBERT's loss over utterances, arXiv 2110.01900). The paper trains
75 000 steps of 512; the default is for hours of audio on a laptop. `distill.py:quickstart` is for minutes of it.
"""

from ml_collections import ConfigDict

from . import pretrain, shared

NOT_IN_PRETRAINING = ("task", "model", "data", "teacher", "student", "sweep", "mesh", "runlocal", "wandb")


def get_config(variant: str = "") -> ConfigDict:
    config = ConfigDict(convert_dict=False)
    config.task = "distill"

    shared.add_run(config)
    config.steps = 1500  # of training
    config.batch_size = 32  # examples in a step
    config.checkpoint_every = 200  # steps between two checkpoints

    shared.add_data(config)
    shared.add_crops(config)

    config.teacher = ConfigDict()
    # A workdir of a pre-training, or a folder or hub id of a public wav2vec 2.0, HuBERT, WavLM or Whisper (openai/whisper-tiny
    # and so on); empty: pre-train one.
    config.teacher.source = ""
    config.teacher.revision = ""  # of a hub id: a branch, tag or commit; empty: the newest
    config.teacher.size = "tiny"  # of the teacher that is pre-trained
    config.teacher.layers = "all"  # or a range or list such as 5-8 or 0,4,9-12; 0 is the transformer's input
    config.teacher.dtype = "float32"  # or bfloat16: the type that the teacher computes in
    config.teacher.cache = False  # run the teacher once over the corpus, keep its outputs, and distil from them
    config.teacher.cache_dir = ""  # of these outputs, to share them between runs; empty: WORKDIR/teacher_targets
    pretraining = pretrain.get_config()
    # How the teacher is pre-trained: the fields of configs/pretrain.py, without those that follow from this config.
    config.teacher.pretraining = ConfigDict({name: pretraining[name] for name in pretraining if name not in NOT_IN_PRETRAINING})

    # The teacher's own quantiser, or k-means over a layer, fitted first and kept in the corpus's folder.
    config.codebook = ConfigDict()
    config.codebook.kind = "auto"  # quantizer, kmeans, or auto: the quantiser where the teacher has one
    config.codebook.layer = 0  # of k-means; 0: three quarters up
    config.codebook.clusters = 256  # entries, of k-means
    config.codebook.batches = 200  # that k-means is fitted on
    config.codebook.seed = 0  # of the first centres of k-means

    shared.add_student(config)
    config.delay_frames = 0  # 20 ms each, by which the student answers later than the teacher
    config.layer_weights = "learned"  # of the layers that the views and regressions mix; or equal
    config.projection = "linear"  # or mlp: from the student's width to the teacher's

    # Weights; 0 turns an objective off.
    config.loss = ConfigDict()
    config.loss.dual_view = 1.0  # cross-correlation over features and over the batch
    config.loss.gamma = 1.0  # the teacher's codebook, by its vectors
    config.loss.code_classes = 0.0  # the teacher's codebook, by its classes
    config.loss.own_codebook = 0.0  # one that the student learns with its own quantiser, as wav2vec 2.0 does
    config.loss.feature_view = 0.0  # cross-correlation over features alone
    config.loss.batch_view = 0.0  # cross-correlation over the batch alone
    config.loss.frame_regression = 0.0  # distance to the teacher's features at each frame
    config.loss.utterance_regression = 0.0  # distance to the mean of the teacher's features over time
    config.loss.layer_regression = 0.0  # distance at each frame to each layer by a head of its own, standardised
    config.loss.alpha = 5e-3  # weight of the feature view's off-diagonal
    config.loss.beta = 5e-3  # weight of the batch view's off-diagonal
    config.loss.cosine = 1.0  # weight of the regressions' cosine term (lambda in the paper)

    # Open in the paper: centring (Barlow Twins centres, the paper's equations do not), and wav2vec 2.0's values.
    config.centre = True
    config.kappa = 0.1  # temperature of the contrastive losses
    config.distractors = 100  # codes of other frames that a frame is compared with
    config.mask = ConfigDict()
    config.mask.probability = 0.065  # that a span begins at a frame
    config.mask.span = 10  # frames
    # Objectives over whole frames (the views, the regressions) see an input without masks, in a pass of the student's own:
    # a step takes up to twice as long. Without, they learn from the masked input that the codebook needs.
    config.mask.separate_pass = False
    config.own_codebook = ConfigDict()  # of loss.own_codebook
    config.own_codebook.groups = 2  # codebooks side by side
    config.own_codebook.entries = 64  # in each group
    config.own_codebook.diversity = 0.5  # weight of the diversity loss
    config.own_codebook.start = 1.0  # Gumbel temperature: from start to end, times decay a step
    config.own_codebook.end = 0.5  # at least
    config.own_codebook.decay = 0.999  # a step

    shared.add_augmentation(config)
    shared.add_optimizer(config)
    shared.add_export(config)
    # The detector that the student will be fine-tuned to, whose export is tried; see data in configs/finetune.py.
    config.detector = ConfigDict()
    config.detector.window_seconds = 1.5
    config.detector.hop_seconds = 0.16
    config.detector.lead_seconds = 1.0
    shared.apply_variant(config, "distill", variant, VARIANTS)
    return config


def quickstart(config: ConfigDict) -> None:
    """A few minutes on a laptop."""
    config.preflight = False  # its export comes minutes later anyway
    config.steps = 200
    config.teacher.pretraining.steps = 200
    config.log_every = config.teacher.pretraining.log_every = 20


def distilhubert(config: ConfigDict) -> None:
    """The paper's baseline: regression of whole utterances."""
    config.loss.dual_view = 0.0
    config.loss.gamma = 0.0
    config.loss.utterance_regression = 1.0


VARIANTS = {"quickstart": quickstart, "distilhubert": distilhubert}
