"""Material at toy size for `benchmarks.attack` and `benchmarks.kills`: recordings, a corpus, a teacher, a detector, a model."""

from pathlib import Path
from typing import NamedTuple

from benchmarks.bits import command, write_source

DONE = "done"  # empty file that is written last


class Toy(NamedTuple):
    """Paths of the material.

    Attributes:
      source: recordings with a manifest.csv.
      corpus: the corpus that prepare writes of them.
      teacher: workdir of a pre-trained teacher.
      detector: workdir of a fine-tuned detector.
      report: report of the detector.
      model: the detector as an exported .tflite with both signatures.
    """

    source: Path
    corpus: Path
    teacher: Path
    detector: Path
    report: Path
    model: Path


def toy(root: Path) -> Toy:
    """Creates the material in `root`, unless it is there. The detector detects nothing reliably; its training has 4 steps."""
    root = root.absolute()
    names = ("source", "corpus", "teacher", "detector", "report", "model.tflite")
    paths = Toy(*(root / name for name in names))
    if (root / DONE).is_file():
        return paths
    paths.source.mkdir(parents=True, exist_ok=True)
    write_source(paths.source)
    command("prepare", f"--source={paths.source}", f"--out={paths.corpus}")
    for workdir, config in ((paths.teacher, "pretrain"), (paths.detector, "finetune")):
        command(
            *("train", f"--config={config}", f"--workdir={workdir}", "--config.runlocal=True", "--config.seed=7"),
            *(f"--config.data.corpus={paths.corpus}", *(["--config.init="] if config == "finetune" else [])),
        )
    command("evaluate", f"--workdir={paths.detector}", f"--corpus={paths.corpus}", f"--out={paths.report}")
    command("export", f"--workdir={paths.detector}", f"--report={paths.report}", f"--out={paths.model}", "--streaming")
    (root / DONE).touch()
    return paths
