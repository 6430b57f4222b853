"""Leaves whole sources of recordings out of training, so that a detector is judged on sources that it never heard."""

import numpy as np
from ml_collections import ConfigDict

from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import Clips

FIELD = "config.data.without"
NAMED_SOURCES = 8  # the most sources of the corpus that an error lists


def without_sources(clips: Clips, settings: ConfigDict) -> Clips:
    """Leaves out the recordings of the sources in `without`.

    Args:
      clips: recordings of a split.
      settings: `config.data`; runs older than the field leave out nothing.

    Raises:
      UserError: for a source of which there is no recording.
    """
    names = tuple(settings.get("without", ()))
    if not names:
        return clips
    sources = np.array([str(source) for source in clips.columns["source"]])
    present = sorted(set(sources) - {""})
    if unknown := [name for name in names if name not in present]:
        some = ", ".join(present[:NAMED_SOURCES]) + (" ..." if len(present) > NAMED_SOURCES else "")
        raise UserError(f"{FIELD}: no recording of {', '.join(unknown)}; the sources of the corpus are {some or 'not named'}")
    return clips.subset(clips.rows(~np.isin(sources, names)))
