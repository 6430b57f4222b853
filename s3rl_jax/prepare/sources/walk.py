"""Lists the files below a folder, through links to folders, and what it leaves out."""

import os
from collections.abc import Callable
from pathlib import Path


def walk(root: Path, is_wanted: Callable[[Path], bool]) -> tuple[list[Path], dict[Path, str]]:
    """Lists the files below a folder. Links to folders are followed inside it; a folder outside belongs to somebody else.

    Args:
      root: the folder.
      is_wanted: whether a path is of a file to list, by its name.

    Returns:
      Paths of the files, and the paths that cannot be read or are not entered, with the reason.
    """
    paths, rejected = [], {}
    inside = root.resolve()
    waiting = [(root, inside, frozenset([inside]))]  # folders to list: path, path without links, and the folders above it
    while waiting:
        folder, resolved, above = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            rejected[folder] = f"a folder that cannot be read: {error.strerror}"
            continue
        for entry in entries:
            path = folder / entry.name
            if not _is_folder(entry):
                if not is_wanted(path):
                    continue
                if path.is_file():
                    paths.append(path)
                else:
                    rejected[path] = "a link that leads to no file" if entry.is_symlink() else "not a regular file"
            elif not entry.is_symlink():
                target = resolved / entry.name
                waiting.append((path, target, above | {target}))
            elif (target := path.resolve()) in above:
                rejected[path] = "a link to a folder above it"
            elif target.is_relative_to(inside):
                waiting.append((path, target, above | {target}))
            else:
                rejected[path] = "a link to a folder outside the source"
    return paths, rejected


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False
