"""The export of fine-tuned runs to M.tflite and M.json. It fails if the file's posteriors differ from those of JAX."""

import functools
import json
import os
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from s3rl_jax.batches.windows import Windows
from s3rl_jax.core.durable import write_together
from s3rl_jax.core.errors import UserError, lookup
from s3rl_jax.corpus.corpus import Clips, read_corpus
from s3rl_jax.corpus.left_out import without_sources
from s3rl_jax.detect.description import check_fields
from s3rl_jax.detect.litert import VOICE
from s3rl_jax.evaluate.scoring import Scorer
from s3rl_jax.export.accuracy import file_posteriors, score_file
from s3rl_jax.export.build import build_file
from s3rl_jax.export.c_array import c_sources
from s3rl_jax.export.calibration import with_silence_and_noise
from s3rl_jax.export.description import describe
from s3rl_jax.export.esphome import esphome_manifest
from s3rl_jax.export.file_format import CONTAINERS, FileFormat, signatures_of
from s3rl_jax.export.joining import joined, joined_thresholds, open_runs
from s3rl_jax.export.pair import SecondModel, second_model
from s3rl_jax.export.voice import voice_field
from s3rl_jax.runs.detector import TrainedDetector
from s3rl_jax.runs.workdir import listed

CLIPS = 32  # real clips for comparison and calibration
DEFAULT_THRESHOLDS = {"default": 0.5}  # thresholds of a detector that was not evaluated


def export(
    workdirs: str,
    out: str,
    file_format: FileFormat,
    report: str | None = None,
    c_array: bool = False,
    verifier: str | None = None,
) -> dict[str, Any]:
    """Writes the model and its description, all files or none.

    Args:
      workdirs: workdir of a fine-tuned run; or of several with the same student, comma-separated, whose heads share it.
      out: the .tflite or .onnx to write; the .json is written beside it.
      file_format: options of the export.
      report: a folder that evaluate wrote. The file is scored on its corpus and split, and gets the thresholds of that
        score. None: `report/` in the workdir if it exists; else the run's corpus, split test. For several runs, None.
      c_array: whether also to write the model as C source.
      verifier: another exported file in the folder of `out` that must agree with each detection; None: none.

    Returns:
      The fields of the .json.

    Raises:
      UserError: if a workdir holds no detector, the runs cannot share a student, the format does not suit them, `out` cannot
        be written, `report` is of another run, or `verifier` does not suit.
      NotExportable: if the float file differs from JAX by more than 1e-4 on the clips, or an operator is missing.
    """
    _check_options(file_format, report, c_array, verifier, len(listed(workdirs)) > 1)
    path = _output_path(out, file_format.container)
    runs = open_runs(workdirs)
    detector = joined(runs)
    metrics = [_read_metrics(run.workdir, report) for run in runs]
    signatures_of(file_format, detector.model, detector.params)  # fails for an impossible format before audio is read
    # The training split, because every run has one; the comparison needs real sound, but not unseen sound.
    read = functools.cache(lambda corpus: read_corpus(corpus, "train", "config.data.corpus"))
    training = [without_sources(read(run.config.data.corpus), run.config.data) for run in runs]
    clips = _calibration_clips(runs[0], detector.model.clip, training[0])
    file = build_file(file_format, detector.model, detector.params, clips)
    fields = describe(file, file_format, detector, runs, training)
    if file_format.voice:
        fields |= {VOICE: voice_field(runs[0], training[0])}
    second = second_model(verifier, path, fields | {"threshold": DEFAULT_THRESHOLDS}) if verifier else None
    score = functools.partial(file_posteriors, file.content, file_format, detector.model, detector.params)
    first_labels = accumulate((len(run.keywords) for run in runs[:-1]), initial=1)
    heads = [
        _score(score, first, file_format, *of_run, second)
        for first, of_run in zip(first_labels, zip(runs, metrics, strict=True), strict=True)
    ]
    fields |= joined_thresholds(runs, heads)
    description = check_fields(fields, str(path.with_suffix(".json")))
    sources = c_sources(file.content, description, path) if c_array else {}
    if file_format.target == "esphome":
        sources |= esphome_manifest(file.content, description, fields["languages"], path)
    files = {path: file.content, path.with_suffix(".json"): json.dumps(fields, indent=2).encode()}
    write_together(files | {source: text.encode() for source, text in sources.items()})
    return fields | ({"written": list(sources)} if sources else {})


def _output_path(out: str, container: str) -> Path:
    """Checks the path of the model and creates its folder, so that an impossible path fails before the computation.

    Raises:
      UserError: if the path or the container is impossible.
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
        raise UserError(f"--out={out}: its folder cannot be created: {error.strerror}") from error
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"--out={out}: its folder cannot be written to")
    return path


def _check_options(
    file_format: FileFormat, report: str | None, c_array: bool, verifier: str | None, has_several_heads: bool
) -> None:
    if c_array and (file_format.container == "onnx" or file_format.target == "esphome"):
        raise UserError("--c-array: for a .tflite of your own firmware; expected no --format=onnx, no --target=esphome")
    if has_several_heads and (c_array or verifier or file_format.has_integer_ends):
        raise UserError("--c-array, --verifier, --io=int8 or --target=esphome: for one head; expected one --workdir")
    if has_several_heads and report:
        raise UserError(f"--report={report}: of one run; of several, the report/ in each workdir is used")


def _calibration_clips(run: TrainedDetector, samples: int, training: Clips) -> Float[np.ndarray, "clips {samples}"]:
    config, lead = run.config, samples - run.model.window
    windows = Windows.of(training, run.keywords, samples, CLIPS, config.seed, config.data, lead)
    audio = windows.batch(0, range(CLIPS))["audio"].astype(np.float32) / 32768
    return with_silence_and_noise(audio, config.seed)


def _score(
    score: Scorer,
    first: int,
    file_format: FileFormat,
    run: TrainedDetector,
    metrics: dict[str, Any],
    second: SecondModel | None,
) -> dict[str, Any]:
    """`scored`, `threshold` and `keywords` of a run from the score of the file; or why it has none, and those of its report.

    Args:
      score: function from int16 samples of a stream to the posteriors of the file after each hop.
      first: first label of the run's keywords in the file.
      file_format: options of the export.
      run: the run.
      metrics: its metrics.json; {} if there is none.
      second: the second model of a pair; None: there is none.
    """
    corpus, split = metrics.get("corpus", run.config.data.corpus), metrics.get("split", "test")
    labels = [0, *range(first, first + len(run.keywords))]
    try:
        agreement = second and second.agreement
        scored = score_file(lambda audio: score(audio)[:, labels], file_format, run, corpus, split, agreement)
    except UserError as error:
        if second:
            raise UserError(f"--verifier: the thresholds of a pair are chosen on a stream, but {error}") from error
        thresholds = metrics["conditions"]["clean"]["threshold"] if metrics else DEFAULT_THRESHOLDS
        keywords = metrics["conditions"]["clean"].get("keywords", {}) if metrics else {}
        return {"scored": {"not": str(error)}, "threshold": thresholds, **_keywords(keywords)}
    pair = {"verifier": second.entry(_keywords(scored["pair"].pop("keywords")).get("keywords", {}))} if second else {}
    return {"scored": scored, "threshold": scored["threshold"], **_keywords(scored.pop("keywords")), **pair}


def _keywords(points: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The field `keywords`, from the result of `keyword_points`; nothing if that is empty."""
    entries = {
        keyword: {name: point[name] for name in ("threshold", "refractory_seconds")} for keyword, point in points.items()
    }
    return {"keywords": entries} if entries else {}


def _read_metrics(workdir: str, report: str | None) -> dict[str, Any]:
    """Reads metrics.json of this run; {} if there is none or it lacks the condition clean.

    Raises:
      UserError: if `report` is given and has no metrics.json, is of another run, or lacks the condition clean.
    """
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
