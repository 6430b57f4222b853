"""The manifest of ESPHome's micro_wake_word."""

import json
from pathlib import Path

from s3rl_jax.detect.description import Description
from s3rl_jax.export.microcontroller import arena_estimate

FEATURE_STEP_MS = 10


def esphome_manifest(model: bytes, description: Description, languages: list[str], path: Path) -> dict[Path, str]:
    """Creates NAME.esphome.json, version 2, to be written beside the .tflite.

    The manifest is valid, but ESPHome does not run the model unchanged, for three reasons that docs/device.md lists.

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
            "probability_cutoff": round(description.threshold(), 4),
            "sliding_window_size": description.smoothing_hops,
            "feature_step_size": FEATURE_STEP_MS,
            "tensor_arena_size": arena_estimate(model),
            "minimum_esphome_version": "2024.7.0",
        },
    }
    return {path.with_suffix(".esphome.json"): json.dumps(manifest, indent=2)}
