"""Opening a fine-tuned run as a detector: its configuration, keywords, model and parameters."""

from typing import Any, NamedTuple

import jax
from ml_collections import ConfigDict

from s3rl_jax.corpus.keywords import parse_keywords
from s3rl_jax.models.detector import KeywordModel, keyword_model
from s3rl_jax.runs.params import read_params_and_step
from s3rl_jax.runs.workdir import read_config

CLIPS = "clips"  # value of `config.measure` for a detector that classifies clips
TRAINED = ("student", "head")  # entries of `params` that are counted as parameters; BatchNorm's statistics are not


class TrainedDetector(NamedTuple):
    """A detector that was read from the workdir of a fine-tuned run.

    Attributes:
      workdir: path of the workdir.
      config: configuration of the run.
      keywords: the keywords in lower case; class k + 1 is keyword k, class 0 is no keyword.
      model: student and head.
      params: `student`, `head`, and `statistics` for a student with BatchNorm, as NumPy arrays.
      step: step of the checkpoint.
    """

    workdir: str
    config: ConfigDict
    keywords: tuple[str, ...]
    model: KeywordModel
    params: dict[str, Any]
    step: int

    @property
    def parameters(self) -> int:
        """Number of trained values."""
        return sum(leaf.size for name in TRAINED for leaf in jax.tree.leaves(self.params[name]))


def open_detector(workdir: str, flag: str) -> TrainedDetector:
    """Reads the checkpoint that a fine-tuned run has chosen, or the newest one.

    Args:
      workdir: path of the workdir.
      flag: the flag that names it, for the message.

    Raises:
      UserError: if the workdir is of another task or a sweep, or has no checkpoint that can be read.
    """
    config = read_config(workdir, flag, "finetune")
    keywords = parse_keywords(config.keyword)
    model = keyword_model(config, len(keywords) + 1)
    params, step = read_params_and_step(workdir, flag)
    return TrainedDetector(str(workdir), config, keywords, model, params, step)
