"""What is to be read, and as what: a manifest.csv, or a folder whose names say it."""

import csv
import dataclasses
import hashlib
from pathlib import Path

from s3rl_jax.errors import UserError

SPLITS = ("train", "validation", "test")
KINDS = ("speech", "noise", "impulse_response")
SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")
_KIND_FOLDERS = {
    "noise": "noise",
    "noises": "noise",
    "_background_noise_": "noise",
    "rir": "impulse_response",
    "rirs": "impulse_response",
    "impulse_response": "impulse_response",
    "impulse_responses": "impulse_response",
}


@dataclasses.dataclass(frozen=True)
class Clip:
    """One row: where a recording is and what is known of it. Times in seconds; a negative one is not known."""

    path: Path
    split: str
    kind: str = "speech"
    label: str = ""
    speaker: str = ""
    condition: str = ""
    lang: str = ""
    licence: str = ""
    speech_start_s: float = -1.0
    speech_end_s: float = -1.0


def read_source(source: str) -> list[Clip]:
    """Reads `--source`: a manifest file, or a folder (a folder's own manifest.csv comes first)."""
    path = Path(source)
    if path.is_dir():
        return read_manifest(path / "manifest.csv") if (path / "manifest.csv").is_file() else read_folder(path)
    if not path.is_file():
        raise UserError(f"--source={source}: no such file or folder; expected a folder of audio or a manifest.csv")
    if path.suffix.lower() in SUFFIXES:
        raise UserError(f"--source={source}: a single recording; expected a folder of audio or a manifest.csv")
    return read_manifest(path)


def read_manifest(path: Path) -> list[Clip]:
    """Reads a manifest (README, "Your own audio"): columns `path` and `split`, the others optional.

    Raises:
      UserError: naming the line and the column, for what cannot be meant.
    """
    root = path.parent.resolve()
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [column for column in ("path", "split") if column not in (reader.fieldnames or ())]
            if missing:
                raise UserError(f"{path}: no column {missing[0]!r} in the header; found {reader.fieldnames}")
            clips = [_clip(row, f"{path}, line {reader.line_num}", root) for row in reader]
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}; expected a UTF-8 CSV file") from error
    except csv.Error as error:
        raise UserError(f"{path}: not a CSV file: {error}") from error
    if not clips:
        raise UserError(f"{path}: no rows; expected a recording a line")
    return clips


def read_folder(root: Path) -> list[Clip]:
    """Every recording below `root`, in order of path.

    A first folder named train, validation or test is the split; without one, a hash of the path sends 80 % of the
    files to train and 10 % to each of the others. Folders named noise or rir say the kind; otherwise the innermost
    folder is the label.
    """
    clips = []
    for path in sorted(p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()):
        folders = list(path.relative_to(root).parts[:-1])
        split = folders.pop(0) if folders and folders[0] in SPLITS else _split_by_hash(path.relative_to(root))
        kind = next((_KIND_FOLDERS[name.lower()] for name in folders if name.lower() in _KIND_FOLDERS), "speech")
        clips.append(Clip(path.resolve(), split, kind, folders[-1] if folders and kind == "speech" else ""))
    if not clips:
        raise UserError(f"--source={root}: no audio below it; expected {', '.join(SUFFIXES)} files or a manifest.csv")
    return clips


def _clip(row: dict, where: str, root: Path) -> Clip:
    value = {key: (text or "").strip() for key, text in row.items() if isinstance(key, str) and isinstance(text, str | None)}
    path = (root / value["path"]).resolve()
    if not value["path"] or not path.is_relative_to(root):
        raise UserError(f"{where}: path {value['path']!r} is not inside the manifest's folder {root}")
    if value["split"] not in SPLITS:
        raise UserError(f"{where}: split {value['split']!r}; expected one of {', '.join(SPLITS)}")
    kind = value.get("kind") or "speech"
    if kind not in KINDS:
        raise UserError(f"{where}: kind {kind!r}; expected one of {', '.join(KINDS)}")
    texts = {name: value.get(name, "") for name in ("label", "speaker", "condition", "lang", "licence")}
    times = {name: _seconds(value.get(name, ""), name, where) for name in ("speech_start_s", "speech_end_s")}
    return Clip(path, value["split"], kind, **texts, **times)


def _seconds(text: str, name: str, where: str) -> float:
    try:
        return float(text) if text else -1.0
    except ValueError:
        raise UserError(f"{where}: {name} {text!r}; expected seconds") from None


def _split_by_hash(path: Path) -> str:
    bucket = int(hashlib.sha256(path.as_posix().encode()).hexdigest(), 16) % 10
    return ("test", "validation")[bucket] if bucket < 2 else "train"
