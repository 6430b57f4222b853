"""The paper's tables 1 and 2 (arXiv 2307.02720): which objectives, and which of the teacher's layers, make a better detector.

    python -m s3rl_jax.ablate --config=configs/ablation.py --workdir=runs/ablation --config.data.corpus=corpus

All students of a size are distilled at once, for one pass of the teacher, then all detectors are fine-tuned at once, then
each is evaluated. Without `--config.teacher.source` a teacher is pre-trained first, in WORKDIR/teacher. `ablation.py:base`
has the paper's layers and sizes, for a base-size teacher and accelerators; the default is for hours of audio on a laptop.
"""

from ml_collections import ConfigDict

from configs import distill, finetune, pretrain

OF_THE_STAGES = ("task", "model", "seed", "sweep", "keyword", "init", "student", "preflight", "export", "teacher")


def get_config(variant: str = "") -> ConfigDict:
    config = ConfigDict(convert_dict=False)
    config.task = "ablation"
    config.keyword = "alexa"
    config.seeds = (0, 1, 2)  # of initial values and losses; batches are the same for all
    config.members_at_once = 0  # students that are trained together, as far as memory goes; 0: all

    config.data = ConfigDict({"corpus": "", "split": "test"})
    config.teacher = ConfigDict(distill.get_config().teacher.to_dict())
    config.student = ConfigDict({"size": "tiny", "streaming": True, "block": 8})
    config.other_size = "small"  # of `rows_of_other_size`; empty: none

    # What each row changes, with all other objectives off. `pretrain`: the student itself is trained as wav2vec 2.0;
    # `none`: not at all before it is fine-tuned.
    middle, others = ("5-8", "0-4,9-12") if variant == "base" else ("2-3", "0-1,4")
    config.rows = {
        "no teacher": {"pretrain": True},
        "not distilled": {"none": True},
        "DistilHuBERT, utterance level": {"loss.utterance_regression": 1.0},
        "feature view": {"loss.feature_view": 1.0},
        "batch view": {"loss.batch_view": 1.0},
        "dual view": {"loss.dual_view": 1.0},
        "own codebook": {"loss.own_codebook": 1.0},
        "teacher's codebook": {"loss.gamma": 1.0},
        "dual view + teacher's codebook": {"loss.dual_view": 1.0, "loss.gamma": 1.0},
        f"dual view, layers {middle}": {"loss.dual_view": 1.0, "teacher.layers": middle},
        f"dual view, layers {others}": {"loss.dual_view": 1.0, "teacher.layers": others},
    }
    config.rows_of_other_size = ("no teacher", "dual view + teacher's codebook")
    config.baseline = "no teacher"
    # False accepts are compared at the false rejects that the baseline has at so many false accepts an hour.
    config.rate = 10.0
    config.conditions = ("clean", "snr_20", "snr_10", "snr_5", "snr_0")

    # The stages, as in their own configs; what this config says above is theirs too.
    for name, made in (("pretrain", pretrain.get_config("student")), ("distill", distill.get_config())):
        config[name] = ConfigDict({k: made[k] for k in made if k not in OF_THE_STAGES})
    detector = finetune.get_config()
    config.finetune = ConfigDict({k: detector[k] for k in detector if k not in OF_THE_STAGES})
    config.pretrain.steps = config.distill.steps
    if variant == "base":
        config.student.size, config.other_size = "large", "small"
        config.student.streaming = False
        config.teacher.size, config.teacher.dtype = "base", "bfloat16"
        config.pretrain.steps = config.distill.steps = 75_000
        config.pretrain.batch_size = config.distill.batch_size = 512
        config.finetune.steps, config.finetune.batch_size = 150_000, 2048
    return config
