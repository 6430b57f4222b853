"""The prerequisites of a run's first step: an export that works, a teacher, its codebook, its cached answers.

A dry run has stand-ins for all of them, as large and as slow as the real ones, so that the wiring of a task is one function
for both.
"""

from collections.abc import Callable
from pathlib import Path

import jax
from ml_collections import ConfigDict

from s3rl_jax.batches.crops import Crops
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.corpus.corpus import corpus_paths
from s3rl_jax.corpus.fake import is_fake
from s3rl_jax.export.preflight import preflight
from s3rl_jax.models.detector import KeywordModel
from s3rl_jax.models.teacher.codebook import KMeansCodebook
from s3rl_jax.models.teacher.targets import TargetSelection, Teacher
from s3rl_jax.runs.workdir import CHECKPOINTS
from s3rl_jax.teachers.cached_targets import CachedCrops, cached_targets
from s3rl_jax.teachers.kmeans import load_or_fit_codebook
from s3rl_jax.teachers.load import load_teacher
from s3rl_jax.teachers.untrained import untrained_codebook, untrained_teacher

CODEBOOKS = "codebooks"  # in the corpus's folder
TARGETS = "teacher_targets"  # in the workdir
TEACHER = "teacher"  # in the workdir: the run of a teacher that is pre-trained first


class Prerequisites:
    """Those of a real run.

    Args:
      workdir: of the run.
      allow_changed_config: whether the pre-training of its teacher may go on with another configuration.
      pretrain: (config, workdir, allow_changed_config) -> None; trains.
    """

    def __init__(self, workdir: Path, allow_changed_config: bool, pretrain: Callable[[ConfigDict, Path, bool], None]):
        self.workdir, self.allow_changed_config, self.pretrain = workdir, allow_changed_config, pretrain

    def check_export(self, model: KeywordModel, config: ConfigDict) -> None:
        """Converts the untrained model once, before a run's first step.

        Raises:
          UserError: naming the form of `config.export` that the model cannot have.
        """
        if config.get("preflight") and jax.process_index() == 0 and not (self.workdir / CHECKPOINTS).is_dir():
            preflight(model, config.export)

    def teacher(self, config: ConfigDict) -> Teacher:
        """`config.teacher.source`; where it is empty, a teacher that is pre-trained in WORKDIR/teacher."""
        source = config.teacher.source or pretrained_teacher(config, self.workdir, self.allow_changed_config, self.pretrain)
        return load_teacher(source, config.teacher.dtype, config.teacher.revision)

    def codebook(self, config: ConfigDict, teacher: Teacher, crops: Crops) -> KMeansCodebook | None:
        """`config.codebook`: fitted once a corpus, and kept in its folder; None: the teacher's own quantiser."""
        folder = self.workdir if is_fake(config.data.corpus) else corpus_paths(config.data.corpus)[0]
        return load_or_fit_codebook(teacher, crops, config.codebook, folder / CODEBOOKS)

    def answers(self, config: ConfigDict, teacher: Teacher, selection: TargetSelection, crops: Crops) -> Crops | CachedCrops:
        """The crops; with `config.teacher.cache` with the teacher's answers, computed for the whole corpus at once."""
        if not config.teacher.cache:
            return crops
        return cached_targets(teacher, selection, crops, Path(config.teacher.cache_dir or self.workdir / TARGETS))


class DryPrerequisites(Prerequisites):
    """Those of a dry run: random values of the right size.

    Args:
      dry_run: (config) -> None; measures the pre-training of a teacher.
    """

    def __init__(self, dry_run: Callable[[ConfigDict], None]):
        self.dry_run = dry_run

    def check_export(self, model: KeywordModel, config: ConfigDict) -> None:
        """Nothing: a dry run does not ask whether the model can be exported."""

    def teacher(self, config: ConfigDict) -> Teacher:
        """`config.teacher.source`; where it is empty, a random teacher, after the cost of its pre-training."""
        if config.teacher.source:
            return load_teacher(config.teacher.source, config.teacher.dtype, config.teacher.revision)
        self.dry_run(pretraining_config(config))
        return untrained_teacher(config.teacher.size, config.teacher.dtype)

    def codebook(self, config: ConfigDict, teacher: Teacher, crops: Crops) -> KMeansCodebook | None:
        """A random codebook of the size of the fitted one."""
        return untrained_codebook(teacher, config.codebook)

    def answers(self, config: ConfigDict, teacher: Teacher, selection: TargetSelection, crops: Crops) -> Crops:
        """The crops.

        Raises:
          UserError: with `config.teacher.cache`.
        """
        if config.teacher.cache:
            raise UserError(
                "--dry_run: cannot tell what distilling from config.teacher.cache costs before the teacher was heard"
            )
        return crops


def pretrained_teacher(
    config: ConfigDict, workdir: Path, allow_changed_config: bool, pretrain: Callable[[ConfigDict, Path, bool], None]
) -> Path:
    """Pre-trains `config.teacher.pretraining` in WORKDIR/teacher, unless that run has ended; returns its workdir."""
    folder = workdir / TEACHER
    LOGGER.info(f"config.teacher.source is empty: pre-training a {config.teacher.size} teacher in {folder}")
    pretrain(pretraining_config(config), folder, allow_changed_config)
    return folder


def pretraining_config(config: ConfigDict) -> ConfigDict:
    """The configuration of the pre-training that a distillation without a teacher begins with."""
    fields = {
        "task": "pretrain",
        "model": "teacher",
        "teacher": {"size": config.teacher.size},
        "data": {**config.data.to_dict(), "fixed_crops": False},
        "mesh": {**config.get("mesh", {}), "sweep": 0},
    }
    return ConfigDict({**config.teacher.pretraining.to_dict(), **fields})
