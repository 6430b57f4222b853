"""A synthesised corpus, from the script to the end: spoken into a folder beside the corpus, prepared, and removed.

The same command continues after a kill: speaking begins anew, for espeak-ng's samples depend on all that it spoke before;
what is spoken to the end is not spoken again.
"""

import csv
import dataclasses
import json
import shutil
from pathlib import Path

from s3rl_jax.core.claim import differences, write_record
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.lock import locked
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.corpus.layout import NAME, SUMMARY, VERSION
from s3rl_jax.prepare.preparation import Options, prepare
from s3rl_jax.prepare.sources.manifest import ManifestRow
from s3rl_jax.prepare.sources.recognise import read_source
from s3rl_jax.prepare.synthesis.script import Script
from s3rl_jax.prepare.synthesis.spoken_corpus import FAILURES, MANIFEST, synthesise

RECORD, SOURCE = "synthesis.json", "synthesis"


def prepare_spoken(script: Script, out: str, seed: int, options: Options) -> dict:
    """Speaks the script and prepares a corpus of it.

    Returns:
      The summary of the corpus.

    Raises:
      UserError: for a script that cannot be spoken, or if `out` holds or was begun with another corpus.
    """
    root = Path(out)
    description = json.loads(json.dumps(dataclasses.asdict(script) | {"seed": seed}))
    with locked(root, "--out"):
        summary = root / NAME / VERSION / SUMMARY
        differing = differences(root / RECORD, description)
        if summary.is_file() and (root / RECORD).is_file() and not differing:
            LOGGER.info(f"{out} is finished already")
            shutil.rmtree(root / SOURCE, ignore_errors=True)  # a kill may come between the summary and the end
            return json.loads(summary.read_text(encoding="utf-8"))
        if summary.is_file():
            changes = f" ({'; '.join(differing)})" if differing else ""
            raise UserError(f"--out={out}: holds a corpus already{changes}; name another folder or remove it")
        if differing:
            raise UserError(f"--out={out}: begun with another script: {'; '.join(differing)}; name another folder or remove it")
        _speak(script, root, seed, description, options.workers)
    counted = dataclasses.replace(options, keywords=script.keywords)
    result = prepare([*read_source(str(root / SOURCE)), *_not_spoken(root / SOURCE)], out, counted)
    shutil.rmtree(root / SOURCE)
    return result


def _not_spoken(folder: Path) -> list[ManifestRow]:
    """A row that is rejected for each text that an engine did not speak, so that the corpus counts and lists them."""
    with open(folder / FAILURES, encoding="utf-8", newline="") as file:
        return [
            ManifestRow(
                folder / row["voice"],
                "train",
                label=row["text"],
                problem=f"not spoken by {row['engine']}: {row['text']!r}: {row['reason']}",
            )
            for row in csv.DictReader(file)
        ]


def _speak(script: Script, root: Path, seed: int, description: dict, workers: int) -> None:
    """Speaks into the folder, unless that was done. A script that cannot be spoken leaves nothing."""
    folder = root / SOURCE
    if (folder / MANIFEST).is_file():  # written last
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_record(root / RECORD, description)
    try:
        synthesise(script, str(folder), seed, workers)
    except UserError:
        shutil.rmtree(folder)
        (root / RECORD).unlink()
        raise
