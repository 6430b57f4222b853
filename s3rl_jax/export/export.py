"""A fine-tuned run -> M.tflite and M.json, refused if the file does not say what JAX says."""

import json
import subprocess
from pathlib import Path

import jax
import numpy as np

from s3rl_jax import __version__
from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.batches.windows import Windows
from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.corpus import read_corpus
from s3rl_jax.detect.firing import REFRACTORY_SECONDS, SMOOTHING_HOPS
from s3rl_jax.export import accuracy, signatures
from s3rl_jax.export.calibration import with_silence_and_noise
from s3rl_jax.export.conversion import operators
from s3rl_jax.export.file_form import Form, make, signatures_of
from s3rl_jax.export.microcontroller import arena_estimate, write_c_array, write_esphome_manifest
from s3rl_jax.runs.detector import open_detector

CLIPS = 32
DEFAULT_THRESHOLD = 0.5


def export(workdir: str, out: str, form: Form, report: str | None = None, c_array: bool = False) -> dict:
    """Writes the model and its description.

    Args:
      workdir: of a fine-tuning run.
      out: the .tflite to write; the .json stands beside it.
      form: what it is to be.
      report: a folder that evaluate wrote: the file is scored on its corpus and split, and gets the thresholds that it
        then needs itself. None: `report/` in the workdir if it is there; else the run's own corpus, split test.
      c_array: whether to write the model as C source, and a manifest for ESPHome, beside it.

    Returns:
      What is in the .json.

    Raises:
      UserError: if the workdir holds no detector, or one that cannot have that form, or `report` is of another run.
      NotExportable: if the float file differs from JAX by more than 1e-4 on real clips, or needs foreign operators.
    """
    detector = open_detector(workdir, "--workdir")
    config, keywords, model, params = detector.config, detector.keywords, detector.model, detector.params
    path = Path(out)
    if path.suffix != ".tflite":
        raise UserError(f"--out={out}: expected a file name that ends in .tflite")
    measured = _report(workdir, report)
    signatures_of(form, model, params)  # a form that cannot be had is said before anything is read
    # The training split: it is what the run certainly has, and parity asks for real sound, not for unseen sound.
    recordings = read_corpus(config.data.corpus, "train", "config.data.corpus")
    source = Windows.of(recordings, keywords, model.clip, CLIPS, config.seed, config.data, model.clip - model.window)
    clips = with_silence_and_noise(source.batch(0, range(CLIPS))["audio"].astype(np.float32) / 32768, config.seed)
    made = make(form, model, params, clips)

    described = {
        "labels": ["", *keywords],
        "sample_rate": SAMPLE_RATE,
        "window": model.clip,
        "hop": model.hop,
        "threshold": measured["conditions"]["clean"]["threshold"] if measured else {"default": DEFAULT_THRESHOLD},
        "smoothing": {"kind": "mean", "hops": SMOOTHING_HOPS},
        "refractory_seconds": REFRACTORY_SECONDS,
        "quantisation": form.quantize,
        "io": form.io,
        "signatures": {entry.name: _shapes(entry) for entry in made.entries},
        "operators": operators(made.file),
        "parity_error": made.parity_error,
        "quantisation_error": made.quantisation_error,
        "arena_bytes_estimate": arena_estimate(made.file),
        "parameters": sum(p.size for p in jax.tree.leaves(params)),
        "bytes": len(made.file),
        "training_data_licences": sorted({str(licence) for licence in recordings.columns["licence"] if licence}),
        "version": __version__,
        "git_revision": _git_revision(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(made.file)
    beside = path.with_suffix(".json")
    corpus, split = measured.get("corpus", config.data.corpus), measured.get("split", "test")
    try:
        described["scored"] = accuracy.measure(made.file, form, model, params, config.keyword, corpus, split)
        described["threshold"] = described["scored"]["threshold"]
    except UserError as error:
        described["scored"] = {"not": str(error)}
    beside.write_text(json.dumps(described, indent=2))
    if c_array:
        described["written"] = [*write_c_array(made.file, described, path), write_esphome_manifest(made.file, described, path)]
    return described


def _shapes(entry: signatures.Signature) -> dict:
    """Names and shapes, all float32; audio in [-1, 1]; the state of the first call is zeros."""
    return {"inputs": {name: list(shape) for name, shape in entry.inputs.items()}, "state": list(entry.state)}


def _report(workdir: str, report: str | None) -> dict:
    """What `evaluate` measured of this run; empty if nothing."""
    path = Path(report or Path(workdir) / "report") / "metrics.json"
    if not path.is_file():
        if report:
            raise UserError(f"--report={report}: no metrics.json there; expected a folder that evaluate wrote")
        return {}
    measured = json.loads(path.read_text())
    if Path(measured["workdir"]).resolve() != Path(workdir).resolve():
        raise UserError(f"--report={path.parent}: of workdir {measured['workdir']}; expected one of {workdir}")
    conditions = measured.get("conditions", {})  # there are none where clips are classified
    if report and conditions and "clean" not in conditions:
        raise UserError(
            f"--report={report}: without the condition clean, which thresholds are of; expected a report that has it"
        )
    return measured if "clean" in conditions else {}


def _git_revision() -> str:
    found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"
