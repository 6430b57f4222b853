"""The runs and the pretrained student from which a run was initialised, along `config.init`."""

from collections.abc import Iterator

from ml_collections import ConfigDict

from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.pretrained.student_file import is_student_file, read
from s3rl_jax.runs.workdir import read_config

MOST_GENERATIONS = 10


def ancestors(config: ConfigDict) -> Iterator[tuple[str, ConfigDict]]:
    """Yields workdir and configuration of the run that initialised this one, of the run that initialised that, and so on.

    It ends at a run without `config.init`, at a pretrained student, or where a workdir is gone.
    """
    for _ in range(MOST_GENERATIONS):
        init = config.get("init", "")
        if not init or is_student_file(init):
            return
        try:
            config = read_config(init, "config.init")
        except UserError:
            return
        yield init, config


def inherited_licences(config: ConfigDict) -> set[str]:
    """Licences of the audio that earlier runs and the pretrained student were trained on, as far as they are known."""
    licences: set[str] = set()
    for run in (config, *(earlier for _, earlier in ancestors(config))):
        if run is not config:
            licences |= (corpus_licences(run.data.corpus) or set()) - {""}
        if is_student_file(run.get("init", "")):
            licences |= set(read(run.init).card["licences"]) - {""}
    return licences


def corpus_licences(corpus: str) -> set[str] | None:
    """Licences of a corpus's training split; "" stands for a recording without one. None: the corpus is gone."""
    try:
        clips = read_corpus(corpus, "train")
    except UserError:
        return None
    return {str(licence) for licence in clips.columns["licence"]}
