"""A folder of audio files whose names say split, kind and label."""

import hashlib
import os
from pathlib import Path

from s3rl_jax.core.errors import UserError
from s3rl_jax.prepare.sources.manifest import SPLITS, SUFFIXES, ManifestRow
from s3rl_jax.prepare.sources.walk import walk

_KIND_FOLDERS = {
    "noise": "noise",
    "noises": "noise",
    "music": "noise",  # MUSAN: music, noise, speech
    "pointsource_noises": "noise",  # of RIRS_NOISES (OpenSLR 28)
    "simulated_rirs": "impulse_response",
    "_background_noise_": "noise",
    "rir": "impulse_response",
    "rirs": "impulse_response",
    "impulse_response": "impulse_response",
    "impulse_responses": "impulse_response",
}


def read_folder(root: Path) -> list[ManifestRow]:
    """Every recording below `root`, in order of path.

    A first folder named train, validation or test is the split; without one, a hash of the path sends 80 % of the
    files to train and 10 % to each of the others. Folders named noise or rir say the kind; otherwise the innermost
    folder is the label.

    Raises:
      UserError: if there is no audio.
    """
    paths, rejected = walk(root, lambda path: path.suffix.lower() in SUFFIXES)
    rows = [ManifestRow(path, "train", problem=problem) for path, problem in sorted(rejected.items())]
    for path in sorted(paths):
        folders = list(path.relative_to(root).parts[:-1])
        split = folders.pop(0) if folders and folders[0] in SPLITS else _split_by_hash(path.relative_to(root))
        kind = next((_KIND_FOLDERS[name.lower()] for name in folders if name.lower() in _KIND_FOLDERS), "speech")
        rows.append(ManifestRow(path.resolve(), split, kind, folders[-1] if folders and kind == "speech" else ""))
    if not paths:
        raise UserError(f"--source={root}: no audio below it; expected {', '.join(SUFFIXES)} files or a manifest.csv")
    return rows


def _split_by_hash(path: Path) -> str:
    bucket = int(hashlib.sha256(os.fsencode(path.as_posix())).hexdigest(), 16) % 10
    return ("test", "validation")[bucket] if bucket < 2 else "train"
