"""The export of a fine-tuned run: M.tflite and M.json, refused if the file's posteriors differ from those of JAX."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from s3rl_jax.batches.windows import Windows
from s3rl_jax.core.durable import write_together
from s3rl_jax.core.errors import UserError, lookup
from s3rl_jax.corpus.corpus import Clips, read_corpus
from s3rl_jax.detect.description import check_fields
from s3rl_jax.export.accuracy import score_file
from s3rl_jax.export.build import build_file
from s3rl_jax.export.c_array import c_sources
from s3rl_jax.export.calibration import with_silence_and_noise
from s3rl_jax.export.description import describe
from s3rl_jax.export.esphome import esphome_manifest
from s3rl_jax.export.file_format import CONTAINERS, FileFormat, signatures_of
from s3rl_jax.runs.detector import TrainedDetector, open_detector

CLIPS = 32
DEFAULT_THRESHOLDS = {"default": 0.5}  # of a detector that was not evaluated


def export(workdir: str, out: str, file_format: FileFormat, report: str | None = None, c_array: bool = False) -> dict[str, Any]:
    """Writes the model and its description, all files or none.

    Args:
      workdir: of a fine-tuning run.
      out: the .tflite or .onnx to write; the .json is written beside it.
      file_format: options of the export.
      report: a folder that evaluate wrote: the file is scored on its corpus and split, which gives the file its own
        thresholds. None: `report/` in the workdir if it exists; else the run's own corpus, split test.
      c_array: whether to write the model as C source, and a manifest for ESPHome, beside it.

    Returns:
      The fields of the .json.

    Raises:
      UserError: if the workdir holds no detector, or one that cannot be exported so, or `report` is of another run.
      NotExportable: if the float file differs from JAX by more than 1e-4 on real clips, or needs foreign operators.
    """
    detector = open_detector(workdir, "--workdir")
    path = _output_path(out, file_format.container)
    if c_array and file_format.container == "onnx":
        raise UserError("--c-array: for a .tflite; expected no --format=onnx")
    metrics = _read_metrics(workdir, report)
    signatures_of(file_format, detector.model, detector.params)  # refuses an impossible format before anything is read
    # The training split: every run has one, and the comparison needs real sound, not unseen sound.
    training = read_corpus(detector.config.data.corpus, "train", "config.data.corpus")
    file = build_file(file_format, detector.model, detector.params, _calibration_clips(detector, training))
    thresholds = metrics["conditions"]["clean"]["threshold"] if metrics else DEFAULT_THRESHOLDS
    fields = describe(file, file_format, detector, training, thresholds)
    fields |= _score(file.content, file_format, detector, metrics, thresholds)
    description = check_fields(fields, str(path.with_suffix(".json")))
    sources = c_sources(file.content, description, path) if c_array else {}
    sources |= esphome_manifest(file.content, description, fields["languages"], path) if c_array else {}
    files = {path: file.content, path.with_suffix(".json"): json.dumps(fields, indent=2).encode()}
    write_together(files | {source: text.encode() for source, text in sources.items()})
    return fields | ({"written": list(sources)} if sources else {})


def _output_path(out: str, container: str) -> Path:
    """The path of the model, its folder made: an impossible one is refused before anything is computed.

    Raises:
      UserError: naming --out.
    """
    path = Path(out)
    lookup(dict.fromkeys(CONTAINERS), container, "--format")
    if path.suffix != f".{container}":
        raise UserError(f"--out={out}: expected a file name that ends in .{container}")
    for other in (path.with_suffix(f".{name}") for name in CONTAINERS if name != container):
        if other.exists():
            raise UserError(f"--out={out}: {path.with_suffix('.json').name} describes {other.name}; expected another name")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out={out}: no folder can be made there: {error.strerror}") from error
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"--out={out}: its folder cannot be written to")
    return path


def _calibration_clips(detector: TrainedDetector, training: Clips) -> Float[np.ndarray, "clips samples"]:
    model, config = detector.model, detector.config
    lead = model.clip - model.window
    windows = Windows.of(training, detector.keywords, model.clip, CLIPS, config.seed, config.data, lead)
    audio = windows.batch(0, range(CLIPS))["audio"].astype(np.float32) / 32768
    return with_silence_and_noise(audio, config.seed)


def _score(
    content: bytes,
    file_format: FileFormat,
    detector: TrainedDetector,
    metrics: dict[str, Any],
    thresholds: dict[str, float],
) -> dict[str, Any]:
    """The fields `scored` and `threshold`: the file's own; or the reason why there is no score, and the given thresholds."""
    corpus, split = metrics.get("corpus", detector.config.data.corpus), metrics.get("split", "test")
    try:
        scored = score_file(content, file_format, detector.model, detector.params, detector.config.keyword, corpus, split)
    except UserError as error:
        return {"scored": {"not": str(error)}, "threshold": thresholds}
    return {"scored": scored, "threshold": scored["threshold"]}


def _read_metrics(workdir: str, report: str | None) -> dict[str, Any]:
    """The metrics.json of this run, if it has the condition clean, else an empty object."""
    path = Path(report or Path(workdir) / "report") / "metrics.json"
    if not path.is_file():
        if report:
            raise UserError(f"--report={report}: no metrics.json there; expected a folder that evaluate wrote")
        return {}
    metrics = json.loads(path.read_text())
    if Path(metrics["workdir"]).resolve() != Path(workdir).resolve():
        raise UserError(f"--report={path.parent}: of workdir {metrics['workdir']}; expected one of {workdir}")
    conditions = metrics.get("conditions", {})  # a classifier's metrics have none
    if report and conditions and "clean" not in conditions:
        raise UserError(
            f"--report={report}: without the condition clean, whose thresholds the file needs; expected a report that has it"
        )
    return metrics if "clean" in conditions else {}
