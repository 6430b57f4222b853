"""The prerequisites of a run's first step: a check of the export, a teacher, its codebook, cached targets and outputs.

For a dry run they are replaced by random values of the same size, so that one function wires a task for both.
"""

from collections.abc import Callable
from pathlib import Path

import jax
from ml_collections import ConfigDict

from s3rl_jax.batches.crops import Crops
from s3rl_jax.batches.hard_windows import HardWindows
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.corpus.corpus import Clips, corpus_paths
from s3rl_jax.corpus.fake import is_fake
from s3rl_jax.engine.job import Phases
from s3rl_jax.export.preflight import preflight
from s3rl_jax.models.detector import KeywordModel
from s3rl_jax.models.teacher.codebook import KMeansCodebook
from s3rl_jax.models.teacher.targets import TargetSelection, Teacher
from s3rl_jax.runs.workdir import CHECKPOINTS
from s3rl_jax.tasks.task import Params
from s3rl_jax.teachers.cached_targets import CachedCrops, cached_targets
from s3rl_jax.teachers.encoder_outputs import EncoderOutputs, encoder_outputs
from s3rl_jax.teachers.kmeans import load_or_fit_codebook
from s3rl_jax.teachers.load import load_teacher
from s3rl_jax.teachers.untrained import untrained_codebook, untrained_teacher
from s3rl_jax.train.hard_negatives import HardNegatives

CODEBOOKS = "codebooks"  # folder in the corpus for fitted codebooks
OUTPUTS = "encoder_outputs"  # folder in the corpus for cached outputs of a frozen student
TARGETS = "teacher_targets"  # folder in the workdir for cached targets
TEACHER = "teacher"  # folder in the workdir for the pre-training of a teacher


class Prerequisites:
    """The prerequisites of a real run.

    Args:
      workdir: workdir of the run.
      allow_changed_config: whether the pre-training of its teacher may continue with another configuration.
      pretrain: (config, workdir, allow_changed_config) -> None; runs the pre-training.
    """

    def __init__(self, workdir: Path, allow_changed_config: bool, pretrain: Callable[[ConfigDict, Path, bool], None]):
        self.workdir, self.allow_changed_config, self.pretrain = workdir, allow_changed_config, pretrain

    def check_export(self, model: KeywordModel, config: ConfigDict) -> None:
        """Exports the untrained model before the first step of a new run, if `config.preflight` is set.

        Raises:
          UserError: if the model cannot be exported in a format of `config.export`.
        """
        if config.get("preflight") and jax.process_index() == 0 and not (self.workdir / CHECKPOINTS).is_dir():
            preflight(model, config.export)

    def teacher(self, config: ConfigDict) -> Teacher:
        """Loads `config.teacher.source`; if it is empty, pre-trains a teacher in WORKDIR/teacher."""
        source = config.teacher.source or pretrained_teacher(config, self.workdir, self.allow_changed_config, self.pretrain)
        return load_teacher(source, config.teacher.dtype, config.teacher.revision)

    def codebook(self, config: ConfigDict, teacher: Teacher, crops: Crops) -> KMeansCodebook | None:
        """The codebook of `config.codebook`, which is fitted once for each corpus and stored in the corpus's folder.

        None if the settings choose the teacher's quantiser.
        """
        folder = self.workdir if is_fake(config.data.corpus) else corpus_paths(config.data.corpus)[0]
        return load_or_fit_codebook(teacher, crops, config.codebook, folder / CODEBOOKS)

    def cached(self, config: ConfigDict, teacher: Teacher, selection: TargetSelection, crops: Crops) -> Crops | CachedCrops:
        """With `config.teacher.cache`, computes targets for the whole corpus and adds them to the crops."""
        if not config.teacher.cache:
            return crops
        return cached_targets(teacher, selection, crops, Path(config.teacher.cache_dir or self.workdir / TARGETS))

    def encoder_outputs(self, config: ConfigDict, model: KeywordModel, encoder: Params, clips: Clips) -> EncoderOutputs:
        """Computes the student's outputs for the whole corpus, once for all keywords; they are stored in its folder."""
        folder = self.workdir if is_fake(config.data.corpus) else corpus_paths(config.data.corpus)[0]
        return encoder_outputs(model, encoder, clips, config.augment, config.encoder_copies, folder / OUTPUTS)

    def mining(
        self, config: ConfigDict, clips: Clips, model: KeywordModel, keywords: tuple[str, ...], source: HardWindows
    ) -> Phases | None:
        """The rounds of mining in fine-tuning; the arguments are those of `HardNegatives`."""
        return HardNegatives(config, clips, model, keywords, source, self.workdir).phases


class DryPrerequisites(Prerequisites):
    """The prerequisites of a dry run: random values of the right size.

    Args:
      dry_run: (config) -> None; measures the cost of the pre-training of a teacher.
    """

    def __init__(self, dry_run: Callable[[ConfigDict], None]):
        self.dry_run = dry_run

    def check_export(self, model: KeywordModel, config: ConfigDict) -> None:
        """Does nothing: a dry run does not check the export."""

    def teacher(self, config: ConfigDict) -> Teacher:
        """Loads `config.teacher.source`; if it is empty, measures the pre-training and returns a random teacher."""
        if config.teacher.source:
            return load_teacher(config.teacher.source, config.teacher.dtype, config.teacher.revision)
        self.dry_run(pretraining_config(config))
        return untrained_teacher(config.teacher.size, config.teacher.dtype)

    def codebook(self, config: ConfigDict, teacher: Teacher, crops: Crops) -> KMeansCodebook | None:
        """A random codebook of the same size."""
        return untrained_codebook(teacher, config.codebook)

    def cached(self, config: ConfigDict, teacher: Teacher, selection: TargetSelection, crops: Crops) -> Crops:
        """Returns the crops as they are.

        Raises:
          UserError: with `config.teacher.cache`.
        """
        if config.teacher.cache:
            raise UserError("--dry_run: cannot measure a run with config.teacher.cache=True; expected False")
        return crops

    def encoder_outputs(self, config: ConfigDict, model: KeywordModel, encoder: Params, clips: Clips) -> EncoderOutputs:
        """Raises UserError: there are no random outputs for a dry run."""
        raise UserError("--dry_run: cannot measure a run with config.encoder=cached; expected trained or frozen")

    def mining(
        self, config: ConfigDict, clips: Clips, model: KeywordModel, keywords: tuple[str, ...], source: HardWindows
    ) -> Phases | None:
        """Returns None: a dry run does not mine."""
        return None


def pretrained_teacher(
    config: ConfigDict, workdir: Path, allow_changed_config: bool, pretrain: Callable[[ConfigDict, Path, bool], None]
) -> Path:
    """Pre-trains a teacher by `config.teacher.pretraining` in WORKDIR/teacher, unless that is done; returns its workdir."""
    folder = workdir / TEACHER
    LOGGER.info(f"config.teacher.source is empty: pre-training a {config.teacher.size} teacher in {folder}")
    pretrain(pretraining_config(config), folder, allow_changed_config)
    return folder


def pretraining_config(config: ConfigDict) -> ConfigDict:
    """The configuration for the pre-training of a teacher, from that of a distillation without `config.teacher.source`."""
    fields = {
        "task": "pretrain",
        "model": "teacher",
        "teacher": {"size": config.teacher.size},
        "data": {**config.data.to_dict(), "fixed_crops": False},
        "mesh": {**config.get("mesh", {}), "sweep": 0},
    }
    return ConfigDict({**config.teacher.pretraining.to_dict(), **fields})
