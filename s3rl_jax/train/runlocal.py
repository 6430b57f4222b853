"""`--config.runlocal=True`: shrinks a run to seconds, to test it before it is sent to a cluster."""

import jax
from ml_collections import ConfigDict

from s3rl_jax.corpus.fake import NAME
from s3rl_jax.pretrained.student_file import DEFAULT

STEPS, SECONDS, CLUSTERS, HOURS = 4, 0.8, 8, 0.02


def shrunk(config: ConfigDict) -> ConfigDict:
    """Shrinks a configuration: toy models, a few steps of a few short crops. Without a corpus, the fake one is used.

    Objectives, augmentation, mesh, dtype, and the names and types of all fields stay as they are.
    """
    small = ConfigDict(convert_dict=False)
    small.update(config)
    small.unlock()
    small.runlocal = False
    if "preflight" in small:
        small.preflight = False  # a conversion takes ten seconds, whatever the size of the model
    small.data = ConfigDict({**config.data.to_dict(), "corpus": config.data.corpus or NAME})
    least = {"steps": STEPS, "log_every": STEPS // 2, "checkpoint_every": STEPS // 2, "batch_size": _batch(config)}
    for name, value in least.items():
        small[name] = value
    if "crop_seconds" in small.data:
        small.data.crop_seconds, small.data.shortest_seconds = SECONDS, SECONDS / 2
    if "distractors" in small:
        small.distractors = 10
    if "codebook" in small:
        small.codebook = ConfigDict({**config.codebook.to_dict(), "layer": 0, "clusters": CLUSTERS, "batches": STEPS})
    if "validation" in small:
        small.validation = ConfigDict({"every": min(STEPS, config.validation.every), "batches": 1})
    if "choice" in small:
        small.choice = ConfigDict({**config.choice.to_dict(), "every": min(STEPS, config.choice.every), "hours": HOURS})
    if "student" in small and config.get("init", "") in ("", DEFAULT):
        size = "conv_toy" if str(config.student.size).startswith("conv") else "toy"
        small.student = ConfigDict({**config.student.to_dict(), "size": size})
    if "teacher" in small:
        small.teacher = ConfigDict({**config.teacher.to_dict(), "size": "toy"})
    if "teacher" in small and "pretraining" in small.teacher:
        small.teacher.pretraining = ConfigDict(
            {**small.teacher.pretraining.to_dict(), **least, "distractors": 10, "validation": {"every": 0, "batches": 1}}
        )
    return small


def _batch(config) -> int:
    """A small batch that can be divided over all devices and micro-batches, with rows enough for losses over a batch."""
    return 4 * jax.device_count() * config.get("micro_batches", 1)
