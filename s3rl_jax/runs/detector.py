"""Opening a fine-tuned run as a detector: its configuration, keywords, model and parameters."""

from typing import Any, NamedTuple

import jax
from ml_collections import ConfigDict

from s3rl_jax.corpus.keywords import parse_keywords
from s3rl_jax.models.detector import KeywordModel, keyword_model
from s3rl_jax.runs.params import read_params_and_step
from s3rl_jax.runs.workdir import read_config

TRAINED = ("student", "head")  # what counts as parameters: BatchNorm's statistics are not trained


class TrainedDetector(NamedTuple):
    """A fine-tuned run.

    Attributes:
      workdir: where it was read from.
      config: of the run.
      keywords: lower case; class k + 1 is keyword k, class 0 is everything else.
      model: what computes.
      params: `student`, `head`, perhaps `statistics`, as NumPy arrays.
      step: of the checkpoint that they were read from.
    """

    workdir: str
    config: ConfigDict
    keywords: tuple[str, ...]
    model: KeywordModel
    params: dict[str, Any]
    step: int

    @property
    def parameters(self) -> int:
        """The number of trained values."""
        return sum(leaf.size for name in TRAINED for leaf in jax.tree.leaves(self.params[name]))


def open_detector(workdir: str, flag: str) -> TrainedDetector:
    """Reads the newest checkpoint of a fine-tuned run.

    Raises:
      UserError: naming `flag`, if the workdir is of another task or has no checkpoint that can be read.
    """
    config = read_config(workdir, flag, "finetune")
    keywords = parse_keywords(config.keyword)
    model = keyword_model(config, len(keywords) + 1)
    params, step = read_params_and_step(workdir, flag)
    return TrainedDetector(str(workdir), config, keywords, model, params, step)
