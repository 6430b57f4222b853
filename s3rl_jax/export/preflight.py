"""Before the first step: whether what is to be trained can be exported at all, in each form that is asked for."""

import importlib.util
import time

import jax
import numpy as np

from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.export.conversion import NotExportable
from s3rl_jax.export.file_form import Form, make
from s3rl_jax.models.detector import KeywordModel


def preflight(model: KeywordModel, settings) -> None:
    """Converts the untrained model.

    Args:
      model: what will be trained.
      settings: `config.export`: `quantize` (one or several, comma-separated), `io`, `target`. A student that can be stepped
        is exported so that it can be.

    Raises:
      UserError: naming the form that cannot be had, and why.
    """
    missing = [name for name in ("tensorflow", "ai_edge_litert", "ai_edge_quantizer") if not importlib.util.find_spec(name)]
    if missing:
        LOGGER.info(f"preflight: not checked whether this can be exported, as {', '.join(missing)} is not installed")
        return
    begun = time.monotonic()
    params = model.init(jax.random.key(0))
    clips = 0.1 * np.random.default_rng(0).standard_normal((1, model.clip)).astype(np.float32)
    kinds, sizes = [kind.strip() for kind in settings.quantize.split(",")], []
    for kind in kinds:
        form = Form(kind, model.streaming, settings.io if kind == "int8" else "float32", settings.target)
        try:
            sizes.append(f"{kind} {len(make(form, model, params, clips).file)} bytes")
        except (NotExportable, UserError) as error:
            raise UserError(f"config.export: cannot be exported as {form}: {error}") from error
    LOGGER.info(f"preflight: exports as {', '.join(sizes)} ({time.monotonic() - begun:.0f} s)")
