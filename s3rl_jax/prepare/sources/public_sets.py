"""Public data sets as their archives unpack, recognised by their files, so that no manifest has to be written."""

import re
from collections.abc import Iterator
from pathlib import Path

from s3rl_jax.core.errors import UserError
from s3rl_jax.prepare.sources.manifest import SUFFIXES, ManifestRow
from s3rl_jax.prepare.sources.walk import walk

TRANSCRIPT = ".trans.txt"
BACKGROUND = "_background_noise_"
_LIBRISPEECH_SPLITS = {"train": "train", "dev": "validation", "test": "test"}


def read_public_set(root: Path) -> list[ManifestRow] | None:
    """The rows of a folder that is Speech Commands or LibriSpeech; None for any other folder.

    Raises:
      UserError: for a list in it that cannot be read.
    """
    if (root / "testing_list.txt").is_file() and (root / "validation_list.txt").is_file():
        return list(_speech_commands(root))
    transcripts, rejected = walk(root, lambda path: path.name.endswith(TRANSCRIPT))
    if not transcripts:
        return None
    rows = [ManifestRow(path, "train", problem=problem) for path, problem in sorted(rejected.items())]
    return [*rows, *(row for path in sorted(transcripts) for row in _chapter(path))]


def _speech_commands(root: Path) -> Iterator[ManifestRow]:
    """A folder a word; the two lists are the standard splits (arXiv 1804.03209); a name begins with its speaker.

    The background noise has no split of its own: its recordings are divided one after the other.
    """
    split_of = {}
    for split in ("validation", "testing"):
        lines = _text(root / f"{split}_list.txt").split()
        split_of |= dict.fromkeys(lines, "test" if split == "testing" else split)
    for path in _audio(root):
        name = path.relative_to(root).as_posix()
        word = path.parent.name
        if word != BACKGROUND:
            split, speaker = split_of.get(name, "train"), path.stem.split("_nohash_")[0]
            yield ManifestRow(path.resolve(), split, "speech", word, speaker, lang="en", licence="CC-BY-4.0")
    for number, path in enumerate(sorted((root / BACKGROUND).glob("*.wav"))):
        split = ("train", "validation", "test", "train")[number % 4]
        yield ManifestRow(path.resolve(), split, "noise", licence="CC-BY-4.0")


def _chapter(transcript: Path) -> Iterator[ManifestRow]:
    """SUBSET/speaker/chapter/ holds `speaker-chapter-number.flac` and a transcript a line (Panayotov et al. 2015)."""
    folder = transcript.parent
    subset = re.match(r"(train|dev|test)-", folder.parent.parent.name)
    split = _LIBRISPEECH_SPLITS[subset[1]] if subset else "train"
    for line in _text(transcript).splitlines():
        name, _, words = line.partition(" ")
        path = folder / f"{name}.flac"
        if Path(name).name == name and path.is_file():
            speaker = folder.parent.name
            yield ManifestRow(path.resolve(), split, "speech", words.strip().lower(), speaker, lang="en", licence="CC-BY-4.0")


def _audio(root: Path) -> list[Path]:
    return sorted(path for path in root.glob("*/*") if path.suffix.lower() in SUFFIXES and path.is_file())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}") from error
