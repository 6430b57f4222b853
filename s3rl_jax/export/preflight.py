"""The preflight of a training run: exports the untrained model, to find before the first step that it cannot be exported."""

import importlib.util
import time

import jax
import numpy as np
from ml_collections import ConfigDict

from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.export.build import build_file
from s3rl_jax.export.conversion import NotExportable
from s3rl_jax.export.file_format import FileFormat
from s3rl_jax.models.detector import KeywordModel

REQUIRED = ("tensorflow", "ai_edge_litert", "ai_edge_quantizer")


def preflight(model: KeywordModel, settings: ConfigDict) -> None:
    """Exports the untrained model in each format of the config.

    Args:
      model: the model to train.
      settings: `config.export`: `quantize` (one or several, comma-separated), `io`, `target`. A streaming student is
        exported with the signature `stream`.

    Raises:
      UserError: if the model cannot be exported in a format; names the first such format and the reason.
    """
    missing = [name for name in REQUIRED if not importlib.util.find_spec(name)]
    if missing:
        LOGGER.info(f"preflight: the export is not checked, because these are not installed: {', '.join(missing)}")
        return
    start = time.monotonic()
    params = model.init(jax.random.key(0))
    clips = 0.1 * np.random.default_rng(0).standard_normal((1, model.clip)).astype(np.float32)
    sizes = []
    for kind in (kind.strip() for kind in settings.quantize.split(",")):
        file_format = FileFormat(kind, model.streaming, settings.io if kind == "int8" else "float32", settings.target)
        try:
            sizes.append(f"{kind} {len(build_file(file_format, model, params, clips).content)} bytes")
        except (NotExportable, UserError) as error:
            raise UserError(f"config.export: cannot be exported as {file_format}: {error}") from error
    LOGGER.info(f"preflight: exports as {', '.join(sizes)} ({time.monotonic() - start:.0f} s)")
