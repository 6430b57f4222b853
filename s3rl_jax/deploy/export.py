"""A fine-tuned run -> M.tflite and M.json, refused if the file does not say what JAX says."""

import json
import subprocess
from pathlib import Path

import jax
import numpy as np

from s3rl_jax import __version__
from s3rl_jax.audio.events import REFRACTORY_SECONDS, SMOOTHING_HOPS
from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.data.corpus import read_corpus
from s3rl_jax.data.windows import Windows, parse_keywords
from s3rl_jax.deploy.convert import NotExportable, largest_difference, operators, to_tflite
from s3rl_jax.errors import UserError
from s3rl_jax.models.detector import logits
from s3rl_jax.models.student import SIZES
from s3rl_jax.training.checkpoint import read_params
from s3rl_jax.workdir import read_config

TOLERANCE = 1e-4
CLIPS = 32
DEFAULT_THRESHOLD = 0.5


def export(workdir: str, out: str, report: str | None) -> dict:
    """Writes the model and its description.

    Args:
      workdir: of a fine-tuning run.
      out: the .tflite to write; the .json stands beside it.
      report: a folder that evaluate wrote, whose thresholds go into the .json; None: `report/` in the workdir if it
        is there.

    Returns:
      What is in the .json.

    Raises:
      UserError: if the workdir holds no detector, or `report` is of another run.
      NotExportable: if the file differs from JAX by more than 1e-4 on real clips, or needs foreign operators.
    """
    config = read_config(workdir, "--workdir", "finetune")
    path = Path(out)
    if path.suffix != ".tflite":
        raise UserError(f"--out={out}: expected a file name that ends in .tflite")
    keywords = parse_keywords(config.keyword)
    window, hop = (int(s * SAMPLE_RATE) for s in (config.data.window_seconds, config.data.hop_seconds))
    size, params = SIZES[config.student.size], read_params(workdir, "--workdir")

    def detect(audio):
        return jax.nn.softmax(logits(size, len(keywords) + 1, params, audio))

    thresholds = _thresholds(workdir, report)
    model = to_tflite(detect, window)
    # The training split: it is what the run certainly has, and parity asks for real sound, not for unseen sound.
    clips = read_corpus(config.data.corpus, "train", "config.data.corpus")
    source = Windows.of(clips, keywords, window, CLIPS, config.seed, config.data)
    audio = source.batch(0, range(CLIPS))["audio"].astype(np.float32) / 32768
    error = largest_difference(model, jax.jit(detect), audio)
    if not error <= TOLERANCE:
        raise NotExportable(f"the file differs from JAX by {error:.2g} on {CLIPS} clips; at most {TOLERANCE} is accepted")
    described = {
        "labels": ["", *keywords],
        "sample_rate": SAMPLE_RATE,
        "window": window,
        "hop": hop,
        "threshold": thresholds or {"default": DEFAULT_THRESHOLD},
        "smoothing": {"kind": "mean", "hops": SMOOTHING_HOPS},
        "refractory_seconds": REFRACTORY_SECONDS,
        "quantisation": "none",
        "signatures": {"detect": {"input": "audio float32 [1, window] in [-1, 1]", "output": "posteriors float32 [1, labels]"}},
        "operators": operators(model),
        "parity_error": error,
        "parameters": sum(p.size for p in jax.tree.leaves(params)),
        "bytes": len(model),
        "training_data_licences": sorted({str(licence) for licence in clips.columns["licence"] if licence}),
        "version": __version__,
        "git_revision": _git_revision(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model)
    path.with_suffix(".json").write_text(json.dumps(described, indent=2))
    return described


def _thresholds(workdir: str, report: str | None) -> dict[str, float]:
    """The clean condition's threshold at each operating point that the evaluation has."""
    path = Path(report or Path(workdir) / "report") / "metrics.json"
    if not path.is_file():
        if report:
            raise UserError(f"--report={report}: no metrics.json there; expected a folder that evaluate wrote")
        return {}
    measured = json.loads(path.read_text())
    if Path(measured["workdir"]).resolve() != Path(workdir).resolve():
        raise UserError(f"--report={path.parent}: of workdir {measured['workdir']}; expected one of {workdir}")
    return measured["conditions"]["clean"]["threshold"]


def _git_revision() -> str:
    found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"
