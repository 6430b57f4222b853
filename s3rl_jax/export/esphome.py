"""The manifest of ESPHome's micro_wake_word, version 2."""

import json
from pathlib import Path

from s3rl_jax.audio.logmel import HOP
from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.detect.description import Description
from s3rl_jax.export.arena import arena_bytes

STEP_MS = 1000 * HOP // SAMPLE_RATE
MINIMUM_VERSION = "2024.7.0"  # of ESPHome; older ones take no file with several steps of features


def esphome_manifest(model: bytes, description: Description, languages: list[str], path: Path) -> dict[Path, str]:
    """Creates NAME.esphome.json, to be written beside the .tflite.

    A device fires where the mean of the last probabilities exceeds the cutoff, the threshold of the description.

    Args:
      model: content of the .tflite.
      description: its .json.
      languages: the result of `keyword_languages`.
      path: path of the .tflite.

    Returns:
      Text of the file, by its path.
    """
    manifest = {
        "type": "micro",
        "wake_word": description.labels[1],
        "author": "s3rl_jax",
        "version": 2,
        "model": path.name,
        "trained_languages": languages,
        "micro": {
            "probability_cutoff": min(round(description.threshold(), 4), 1.0),
            "sliding_window_size": description.firing.smoothing_hops,
            "feature_step_size": STEP_MS,
            "tensor_arena_size": arena_bytes(model),
            "minimum_esphome_version": MINIMUM_VERSION,
        },
    }
    return {path.with_suffix(".esphome.json"): json.dumps(manifest, indent=2)}
