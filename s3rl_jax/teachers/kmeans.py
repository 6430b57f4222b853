"""Fits a codebook for a teacher: mini-batch k-means over the hidden states of one layer, as in HuBERT (arXiv 2106.07447)."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Float
from ml_collections import ConfigDict

from s3rl_jax.audio.masking import valid_frames
from s3rl_jax.batches.crops import Crops
from s3rl_jax.core.durable import durably
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.core.progress import Progress
from s3rl_jax.models.teacher.codebook import KMeansCodebook
from s3rl_jax.models.teacher.targets import TargetSelection, Teacher, common_frame_count, targets_function
from s3rl_jax.teachers.identity import corpus_digest, teacher_digest

FIRST_FRAMES = 10  # frames for each cluster, from which the fit chooses its initial centroids


def load_or_fit_codebook(teacher: Teacher, crops: Crops, settings: ConfigDict, folder: Path) -> KMeansCodebook | None:
    """Reads the k-means codebook of `config.codebook` from `folder`, or fits it and writes it there.

    Args:
      teacher: the teacher.
      crops: crops of the corpus, in the order in which the fit reads them.
      settings: `config.codebook`: kind, layer, clusters, batches, seed.
      folder: folder of fitted codebooks.

    Returns:
      The codebook; None if the settings choose the teacher's quantiser.

    Raises:
      UserError: for settings out of range, or a file that cannot be read or written.
    """
    layer = codebook_layer(teacher, settings)
    if layer is None:
        return None
    identity = (teacher_digest(teacher), corpus_digest(crops.clips), layer, settings.clusters, settings.batches, settings.seed)
    path = folder / f"kmeans-{'-'.join(str(part) for part in (*identity, crops.samples, crops.batch_size))}.npz"
    if not path.is_file():
        LOGGER.info(f"fitting {settings.clusters} clusters to layer {layer} of the teacher: {path}")
        _save(path, fit(teacher, crops, layer, settings.clusters, settings.batches, settings.seed))
    return _read(path, layer)


def codebook_layer(teacher: Teacher, settings: ConfigDict) -> int | None:
    """The layer that `config.codebook` clusters; None if the settings choose the teacher's quantiser.

    Raises:
      UserError: for settings out of range.
    """
    if settings.kind not in ("auto", "quantizer", "kmeans"):
        raise UserError(f"config.codebook.kind={settings.kind!r}: expected auto, quantizer or kmeans")
    if settings.kind == "quantizer" and not teacher.config.quantizer:
        raise UserError("config.codebook.kind=quantizer: this teacher has no quantiser; expected auto or kmeans")
    if settings.kind != "kmeans" and teacher.config.quantizer:
        return None
    layers = teacher.config.layers
    layer = settings.layer or round(0.75 * layers)
    if not 0 < layer <= layers:
        raise UserError(f"config.codebook.layer={layer}: expected a layer of 1-{layers}, or 0 for three quarters up")
    if settings.clusters < 2 or settings.batches < 1:
        raise UserError(
            f"config.codebook: clusters={settings.clusters}, batches={settings.batches}; expected at least 2 clusters, 1 batch"
        )
    return layer


def fit(teacher: Teacher, crops: Crops, layer: int, clusters: int, batches: int, seed: int) -> KMeansCodebook:
    """Fits a codebook, batch by batch. The same arguments give the same centroids.

    Args:
      teacher: the teacher.
      crops: crops of the corpus.
      layer: layer to cluster.
      clusters: number of centroids.
      batches: number of batches to read.
      seed: seed of the initial centroids.

    Raises:
      UserError: if the batches have fewer frames than clusters.
    """
    from sklearn.cluster import MiniBatchKMeans

    model = MiniBatchKMeans(clusters, random_state=seed, n_init=1, reassignment_ratio=0.01)
    pending, total, count = [], np.zeros(teacher.config.hidden_size), 0
    with Progress(batches, "batches", "fitting") as progress:
        for frames in _layer_frames(teacher, crops, layer, batches):
            total, count = total + frames.sum(axis=0, dtype=np.float64), count + len(frames)
            pending.append(frames)
            progress.advance(1)
            # The first call of partial_fit chooses the initial centroids among its frames, so it gets many.
            if sum(map(len, pending)) >= (1 if hasattr(model, "cluster_centers_") else FIRST_FRAMES * clusters):
                model.partial_fit(np.concatenate(pending))
                pending.clear()
    if pending and sum(map(len, pending)) >= clusters:
        model.partial_fit(np.concatenate(pending))
    if not hasattr(model, "cluster_centers_"):
        raise UserError(
            f"config.codebook.clusters={clusters}: {count} frames in {batches} batches are too few; expected more batches or "
            "fewer clusters"
        )
    return KMeansCodebook(layer, model.cluster_centers_.astype(np.float32), (total / count).astype(np.float32))


def _layer_frames(teacher: Teacher, crops: Crops, layer: int, batches: int) -> Iterator[Float[np.ndarray, "frames dim"]]:
    """Yields the valid frames of one layer, batch by batch."""
    compute = jax.jit(targets_function(teacher, TargetSelection((layer,), frames=True)))
    params, time = jax.device_put(teacher.params), common_frame_count(teacher.config, crops.samples)
    for step in range(batches):
        batch = crops.batch(step, range(crops.batch_size))
        valid = np.asarray(valid_frames(common_frame_count(teacher.config, batch["length"]), time))
        yield np.asarray(compute(params, batch["audio"], batch["length"])["hidden"])[:, 0][valid]


def _save(path: Path, codebook: KMeansCodebook) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with durably(path, "wb") as file:
            np.savez(file, centroids=codebook.centroids, mean=codebook.mean)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}; the codebook is kept in the corpus's folder") from error


def _read(path: Path, layer: int) -> KMeansCodebook:
    try:
        with np.load(path) as arrays:
            return KMeansCodebook(layer, arrays["centroids"], arrays["mean"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: not a codebook that s3rl_jax wrote; remove it to have it fitted again") from error
