"""The files of a prepared corpus: TFDS's array_record shards of int16 audio, and beside each an index of its records.

CORPUS/corpus/2.0.0/
  corpus-SPLIT.array_record-00000-of-00016   records, as TFDS writes them, uncompressed
  index/SPLIT-00000.json                     columns TEXTS and NUMBERS, a value a record; `placed`, ATTRIBUTES if any is
  dataset_info.json features.json            TFDS's own description
  plan.json                                  what the corpus was begun with
  rejected.csv                               recordings that could not be used, and why
  summary.json                               written last: a corpus with a summary is finished

Any TFDS user can read it, by random access and as a tf.data pipeline (TFDS's `as_dataset` reads no array_record files):

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

NAME, VERSION = "corpus", "2.0.0"
TEXTS = ("id", "kind", "label", "speaker", "condition", "lang", "licence")
NUMBERS = ("speech_start", "speech_end", "samples", "offset")  # offset: of the samples in the bytes of the record
ATTRIBUTES = ("source", "sex", "age", "accent")  # texts that few corpora have; an index has those that are not empty
INDEX, SUMMARY = "index", "summary.json"


@dataclasses.dataclass(frozen=True)
class Recording:
    """One recording as it is stored.

    Attributes:
      id: path of its file, with the second at which it begins if it is a segment.
      audio: at 16 kHz.
      kind: speech, noise or impulse_response.
      label: word or transcript; of noise, its kind.
      speaker: identifier.
      condition: for example playback.
      lang: language.
      licence: of the audio.
      speech_start: first sample of the speech; 0 where nothing better is known.
      speech_end: one past its last sample.
      placed: whether the speech bounds are those of the keyword in a longer label.
      source: collection that the recording is from.
      sex: of the speaker, in the words of the source, as age and accent are.
      age: of the speaker.
      accent: of the speaker.
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
    """The folder of the files of a finished corpus.

    Raises:
      UserError: naming `flag`, if there is no corpus, or one that is not finished.
    """
    folder = path / NAME / VERSION
    if not (folder / SUMMARY).is_file():
        state = "one that is not finished: give prepare the same command again" if (folder / INDEX).is_dir() else "no corpus"
        raise UserError(f"{flag}={path}: {state} there; expected a folder written by python -m s3rl_jax.prepare")
    return folder


def shard_name(split: str, number: int, count: int) -> str:
    """The file name that TFDS expects."""
    return f"{NAME}-{split}.array_record-{number:05}-of-{count:05}"


def index_files(folder: Path, split: str) -> list[Path]:
    """The indices of the finished shards of a split, in order."""
    return sorted(f for f in (folder / INDEX).iterdir() if re.fullmatch(rf"{re.escape(split)}-\d+\.json", f.name))
