"""Recognises what `prepare --source` names: a manifest, a public data set as its archive unpacks, or any folder of audio."""

from pathlib import Path

from s3rl_jax.core.errors import UserError
from s3rl_jax.prepare.sources.folder import read_folder
from s3rl_jax.prepare.sources.manifest import SUFFIXES, ManifestRow, read_manifest
from s3rl_jax.prepare.sources.public_sets import read_public_set


def read_source(source: str) -> list[ManifestRow]:
    """The rows of a manifest file or of a folder; a folder's own manifest.csv comes before what its names say.

    Raises:
      UserError: if there is no such file or folder, or nothing to be read in it.
    """
    path = Path(source)
    if path.is_dir():
        if (path / "manifest.csv").is_file():
            return read_manifest(path / "manifest.csv")
        return read_public_set(path) or read_folder(path)
    if not path.is_file():
        raise UserError(f"--source={source}: no such file or folder; expected a folder of audio or a manifest.csv")
    if path.suffix.lower() in SUFFIXES:
        raise UserError(f"--source={source}: a single recording; expected a folder of audio or a manifest.csv")
    return read_manifest(path)
