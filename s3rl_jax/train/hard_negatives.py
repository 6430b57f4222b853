"""Mining as a phase of fine-tuning: the detector scores all negatives, and those that score highest join the batches."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from ml_collections import ConfigDict

from s3rl_jax.batches.hard_windows import HardStretches, HardWindows
from s3rl_jax.core.claim import read_record
from s3rl_jax.core.durable import durably
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.core.progress import Progress
from s3rl_jax.corpus.corpus import Clips
from s3rl_jax.corpus.keywords import keyword_labels
from s3rl_jax.engine.job import Phases
from s3rl_jax.evaluate.scoring import stream_posteriors
from s3rl_jax.mine.journal import Firing
from s3rl_jax.mine.stretches import GROUP_SECONDS, group_firings, groups_of
from s3rl_jax.models.detector import KeywordModel

FILE = "hard_negatives_{step}.json"  # in the workdir, one for each round
GAIN = 0.95  # a round that lowers the mean score of the stretches to more than this of the last round's is the last one


class HardNegatives:
    """Rounds of mining in a run. Each round is a file of the workdir, so that a run that was killed continues exactly.

    Args:
      config: configuration of fine-tuning, with the section `mining`.
      clips: the training split.
      model: the detector.
      keywords: the keywords, in lower case.
      source: windows that the rounds are added to.
      workdir: workdir of the run.
    """

    def __init__(
        self,
        config: ConfigDict,
        clips: Clips,
        model: KeywordModel,
        keywords: tuple[str, ...],
        source: HardWindows,
        workdir: Path,
    ):
        self._settings, self._clips, self._source, self._workdir = config.mining, clips, source, workdir
        self._model, self._posteriors = model, stream_posteriors(model)
        is_negative = (clips.columns["kind"] != "impulse_response") & (keyword_labels(clips, keywords) == 0)
        self._groups = groups_of(clips, clips.rows(is_negative), GROUP_SECONDS)
        first, rounds = self._settings.begin, self._settings.rounds
        starts = {max(1, round(config.steps * (first + (1 - first) * number / rounds))) for number in range(rounds)}
        self.phases = Phases(tuple(sorted(starts)), self._begin)
        self._last: dict[str, Any] | None = None

    def _begin(self, step: int, params: Callable[[], Any] | None) -> None:
        """Adds the round that begins at a step: from its file, or by scoring all negatives with the current parameters.

        Args:
          step: the step.
          params: function that returns the parameters, in all processes; None: the run has passed the step before.

        Raises:
          UserError: if the run has passed the step and its file is missing.
        """
        path = self._workdir / FILE.format(step=step)
        if not path.is_file():
            if params is None:
                raise UserError(f"{path}: missing, though the run has passed step {step}; expected the file of that round")
            current = params()
            if jax.process_index() == 0:
                self._write(path, step, current)
        if jax.process_count() > 1:
            multihost_utils.sync_global_devices(path.name)
        self._last = read_record(path)
        stretches = np.array(self._last["stretches"], np.int64).reshape(-1, 2)
        self._source.add(step, HardStretches(stretches[:, 0], stretches[:, 1]))

    def _write(self, path: Path, step: int, params: Any) -> None:
        last = self._last
        if last and last["ended"]:
            record = last | {"step": step}
        else:
            firings = self._mined(params)[: self._settings.windows]
            mean = float(np.mean([firing.score for firing in firings])) if firings else 0.0
            ended = not firings or (last is not None and mean > GAIN * last["mean_score"])
            stretches = [[firing.row, firing.stop] for firing in firings]
            record = {"step": step, "mean_score": mean, "ended": ended, "stretches": stretches}
            LOGGER.info(
                f"mining at step {step}: {len(firings)} stretches, mean score {mean:.3f}{'; the last round' if ended else ''}"
            )
        with durably(path) as file:
            json.dump(record, file)

    def _mined(self, params: Any) -> list[Firing]:
        """Firings on all negatives, by descending score."""
        on_device, firings = jax.device_put(params), []

        def score(audio):
            return self._posteriors(on_device, audio)

        with Progress(len(self._groups), "groups of recordings", "mining") as progress:
            for group in self._groups:
                firings += group_firings(self._clips, group, score, self._model.hop, self._settings.threshold)
                progress.advance(1)
        return sorted(firings, key=lambda firing: (-firing.score, firing.row, firing.start))
