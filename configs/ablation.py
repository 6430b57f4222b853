"""The paper's tables 1 and 2 (arXiv 2307.02720): detectors by objectives, and by the teacher's layers.

    python -m s3rl_jax.ablate --config=configs/ablation.py --workdir=runs/ablation --config.data.corpus=corpus

All students of a size are distilled together, with one pass of the teacher. Then all detectors are fine-tuned together, and
each is evaluated. Without `--config.teacher.source` a teacher is pre-trained first, in WORKDIR/teacher. `ablation.py:base` has
the paper's layers and sizes, for a teacher of size base and accelerators; the default is for hours of audio on a laptop.
"""

from ml_collections import ConfigDict

from . import distill, finetune, pretrain, shared

# Fields that this config sets for all stages, or that a stage of an ablation does not have.
NOT_IN_STAGES = ("task", "model", "seed", "sweep", "keyword", "init", "student", "preflight", "export", "teacher", "choice")


def get_config(variant: str = "") -> ConfigDict:
    config = ConfigDict(convert_dict=False)
    config.task = "ablation"
    config.keyword = "alexa"  # one keyword or several, comma-separated
    config.seeds = (0, 1, 2)  # seeds of initial parameters and losses; batches are the same for all
    config.members_at_once = 0  # students that are trained together, limited by memory; 0: all

    config.data = ConfigDict()
    config.data.corpus = ""  # a folder that s3rl_jax.prepare wrote
    config.data.split = "test"  # split on which the rows are evaluated
    config.teacher = ConfigDict(distill.get_config().teacher.to_dict())
    shared.add_student(config)
    config.other_size = "small"  # second size of student, for `rows_of_other_size`; empty: none

    # The fields that each row changes; its other objectives are off.
    config.rows = table_rows("2-3", "0-1,4")
    config.rows_of_other_size = ("no teacher", "dual view + teacher's codebook")  # rows that are also trained in `other_size`
    config.baseline = "no teacher"  # the row with which the others are compared
    # Rows are compared at the baseline's false reject rate; this is the baseline's number of false accepts an hour there.
    config.rate = 10.0
    config.conditions = ("clean", "snr_20", "snr_10", "snr_5", "snr_0")  # columns of the table

    # The fields of the stages' configs, without those that this config sets for all stages.
    config.pretrain = _stage(pretrain.get_config("student"))
    config.distill = _stage(distill.get_config())
    config.finetune = _stage(finetune.get_config())
    config.pretrain.steps = config.distill.steps
    shared.apply_variant(config, "ablation", variant, VARIANTS)
    return config


def table_rows(middle_layers: str, other_layers: str) -> dict[str, dict]:
    """The rows of the tables: the fields that each changes, by its name.

    `pretrain`: the student is pre-trained as wav2vec 2.0 is; `none`: it is random before it is fine-tuned.
    """
    return {
        "no teacher": {"pretrain": True},
        "not distilled": {"none": True},
        "DistilHuBERT, utterance level": {"loss.utterance_regression": 1.0},
        "feature view": {"loss.feature_view": 1.0},
        "batch view": {"loss.batch_view": 1.0},
        "dual view": {"loss.dual_view": 1.0},
        "own codebook": {"loss.own_codebook": 1.0},
        "teacher's codebook": {"loss.gamma": 1.0},
        "dual view + teacher's codebook": {"loss.dual_view": 1.0, "loss.gamma": 1.0},
        f"dual view, layers {middle_layers}": {"loss.dual_view": 1.0, "teacher.layers": middle_layers},
        f"dual view, layers {other_layers}": {"loss.dual_view": 1.0, "teacher.layers": other_layers},
    }


def base(config: ConfigDict) -> None:
    """The paper's layers and sizes."""
    config.rows = table_rows("5-8", "0-4,9-12")
    config.student.size, config.other_size = "large", "small"
    config.student.streaming = False
    config.teacher.size, config.teacher.dtype = "base", "bfloat16"
    config.pretrain.steps = config.distill.steps = 75_000
    config.pretrain.batch_size = config.distill.batch_size = 512
    config.finetune.steps, config.finetune.batch_size = 150_000, 2048


def _stage(config: ConfigDict) -> ConfigDict:
    return ConfigDict({name: config[name] for name in config if name not in NOT_IN_STAGES})


VARIANTS = {"base": base}
