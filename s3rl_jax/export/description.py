"""The fields of the .json beside an exported model, as detect/description.py defines them."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from s3rl_jax import __version__
from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.corpus.corpus import Clips
from s3rl_jax.corpus.keywords import keyword_labels
from s3rl_jax.detect.description import sha256
from s3rl_jax.export.build import ExportedFile
from s3rl_jax.export.conversion import operators
from s3rl_jax.export.file_format import FileFormat
from s3rl_jax.export.microcontroller import arena_estimate
from s3rl_jax.export.onnx import onnx_operators
from s3rl_jax.export.signatures import Signature
from s3rl_jax.pretrained.lineage import inherited_licences
from s3rl_jax.runs.code_version import git_revision
from s3rl_jax.runs.detector import TrainedDetector

LANGUAGE_IF_UNKNOWN = "en"


def describe(
    file: ExportedFile,
    file_format: FileFormat,
    detector: TrainedDetector,
    runs: Sequence[TrainedDetector],
    training: Sequence[Clips],
) -> dict[str, Any]:
    """Computes all fields but `scored`, `threshold` and `keywords`.

    Args:
      file: the exported model.
      file_format: options of the export.
      detector: the detector that was exported.
      runs: the runs that it was joined from.
      training: recordings of the training split of each run.
    """
    firing = file_format.firing(detector.model)
    is_onnx = file_format.container == "onnx"
    return {
        "labels": ["", *detector.keywords],
        "sample_rate": SAMPLE_RATE,
        "window": detector.model.clip,
        "hop": detector.model.hop,
        "smoothing": {"kind": "mean", "hops": firing.smoothing_hops},
        "refractory_seconds": firing.refractory_seconds,
        "patience": firing.patience,
        **({} if firing.rearm is None else {"rearm": firing.rearm}),
        "quantisation": file_format.quantize,
        "io": "int8" if file_format.has_integer_ends else file_format.io,
        "signatures": {signature.name: _shapes(signature) for signature in file.signatures},
        "operators": (onnx_operators if is_onnx else operators)(file.content),
        "parity_error": file.parity_error,
        "quantisation_error": file.quantisation_error,
        **({} if is_onnx else {"arena_bytes_estimate": arena_estimate(file.content)}),
        "parameters": sum(p.size for p in jax.tree.leaves(detector.params)),
        "bytes": len(file.content),
        "sha256": sha256(file.content),
        "step": detector.step,
        "languages": keyword_languages(training, runs),
        "training_data_licences": sorted(
            {str(licence) for clips in training for licence in clips.columns["licence"] if licence}.union(
                *(inherited_licences(run.config) for run in runs)
            )
        ),
        "version": __version__,
        "git_revision": git_revision(),
    }


def keyword_languages(training: Sequence[Clips], runs: Sequence[TrainedDetector]) -> list[str]:
    """Languages of the keywords' recordings, from the corpora's column `lang`; `en` if no recording names one."""
    languages = set()
    for clips, run in zip(training, runs, strict=True):
        is_keyword = np.asarray(keyword_labels(clips, run.keywords)) > 0
        languages |= {str(language) for language in clips.columns["lang"][is_keyword] if language}
    return sorted(languages) or [LANGUAGE_IF_UNKNOWN]


def _shapes(signature: Signature) -> dict[str, Any]:
    """The entry of a signature in `signatures`: shapes of its inputs, and names of its state."""
    return {"inputs": {name: list(shape) for name, shape in signature.inputs.items()}, "state": list(signature.state)}
