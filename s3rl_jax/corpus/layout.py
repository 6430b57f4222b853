"""The files of a prepared corpus: TFDS's array_record shards of int16 audio, and an index for each shard.

CORPUS/corpus/2.0.0/
  corpus-SPLIT.array_record-00000-of-00016   records, as TFDS writes them, uncompressed
  index/SPLIT-00000.json                     columns TEXTS and NUMBERS, a value for each record; `placed` and ATTRIBUTES
                                             where a record has one
  dataset_info.json features.json            TFDS's description
  plan.json                                  the settings that the corpus was begun with
  rejected.csv                               recordings that could not be used, with the reason
  summary.json                               written last: a corpus with a summary is finished

TFDS reads it by random access, and tf.data through that (TFDS's `as_dataset` reads no array_record files):

    builder = tfds.builder_from_directory("CORPUS/corpus/2.0.0")
    records = builder.as_data_source(split="train")  # records[7]["audio"]: int16 [samples]
    dataset = tf.data.Dataset.from_generator(lambda: records, output_signature=builder.info.features.get_tensor_spec())
"""

import dataclasses
import re
from pathlib import Path

import numpy as np
from jaxtyping import Int16

from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.starter import starter_folder

NAME, VERSION = "corpus", "2.0.0"
TEXTS = ("id", "kind", "label", "speaker", "condition", "lang", "licence")
NUMBERS = ("speech_start", "speech_end", "samples", "offset")  # offset: the byte of the record at which the samples begin
ATTRIBUTES = ("source", "sex", "age", "accent")  # texts that few corpora have; an index omits those that are empty throughout
INDEX, SUMMARY = "index", "summary.json"


@dataclasses.dataclass(frozen=True)
class Recording:
    """One recording as it is stored.

    Attributes:
      id: path of the source file; for a segment of it, also the second at which the segment begins.
      audio: samples at 16 kHz.
      kind: speech, noise or impulse_response.
      label: word or transcript; for noise, the kind of noise.
      speaker: identifier of the speaker.
      condition: recording condition, for example playback.
      lang: language.
      licence: licence of the audio.
      speech_start: first sample of the speech; 0 if it is unknown.
      speech_end: one past the last sample of the speech.
      placed: whether the speech bounds are those of the keyword within a longer label.
      source: collection that the recording is from.
      sex: sex of the speaker, in the words of the source.
      age: age of the speaker, in the words of the source.
      accent: accent of the speaker, in the words of the source.
    """

    id: str
    audio: Int16[np.ndarray, "samples"]
    kind: str
    label: str
    speaker: str
    condition: str
    lang: str
    licence: str
    speech_start: int
    speech_end: int
    placed: bool = False
    source: str = ""
    sex: str = ""
    age: str = ""
    accent: str = ""


def finished_folder(path: Path, flag: str) -> Path:
    """Finds the files of a finished corpus.

    Args:
      path: folder that prepare wrote.
      flag: the flag or field that names it, for the message.

    Returns:
      The folder that holds the shards.

    Raises:
      UserError: if there is no corpus, or it is not finished.
    """
    folder = path / NAME / VERSION
    if not (folder / SUMMARY).is_file():
        state = "one that is not finished: give prepare the same command again" if (folder / INDEX).is_dir() else "no corpus"
        if path == starter_folder():
            raise UserError(f"{flag}=starter: {path} is not there; python -m s3rl_jax.starter writes it")
        raise UserError(f"{flag}={path}: {state} there; expected a folder written by python -m s3rl_jax.prepare")
    return folder


def shard_name(split: str, number: int, count: int) -> str:
    """The file name that TFDS expects."""
    return f"{NAME}-{split}.array_record-{number:05}-of-{count:05}"


def index_files(folder: Path, split: str) -> list[Path]:
    """Paths of the index files of a split, in the order of the shards."""
    return sorted(f for f in (folder / INDEX).iterdir() if re.fullmatch(rf"{re.escape(split)}-\d+\.json", f.name))
