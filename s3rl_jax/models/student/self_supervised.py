"""A student that learns a codebook of its input, as wav2vec 2.0 does, for the paper's baselines without a teacher."""

from typing import Any

import flax.linen as nn
from jaxtyping import Array, Bool, Float

from s3rl_jax.models.detector import student_features
from s3rl_jax.models.ops.dense import Dense
from s3rl_jax.models.student.transformer import Student, StudentConfig
from s3rl_jax.models.teacher.quantizer import Quantizer, Temperature


class StudentCodebook(nn.Module):
    """A quantiser of log-mel frames, and projections of a student's output and the code vectors to one space of `dim`."""

    groups: int = 2
    entries: int = 64
    dim: int = 128

    @nn.compact
    def __call__(
        self,
        frames: Float[Array, "batch time stacked"],
        hidden: Float[Array, "batch time width"],
        temperature: Temperature,
    ) -> dict[str, Array]:
        """Returns the projected output (`context`) and code vectors (`codes`), [batch, time, dim], and of the `Quantizer`
        `probabilities` and `index`."""
        vectors, probabilities, index = Quantizer(self.groups, self.entries, self.dim, name="quantizer")(frames, temperature)
        return {
            "context": Dense(self.dim, name="project_hidden")(hidden),
            "codes": Dense(self.dim, name="project_codes")(vectors),
            "probabilities": probabilities,
            "index": index,
        }


class SelfSupervisedStudent(nn.Module):
    """A student and a codebook of its input frames. It has the interface of `Wav2Vec2`."""

    config: StudentConfig
    codebook_groups: int = 2
    codebook_entries: int = 64

    @nn.compact
    def __call__(
        self,
        audio: Float[Array, "batch samples"],
        valid: Bool[Array, "batch time"],
        mask: Bool[Array, "batch time"] | None = None,
        temperature: Temperature = None,
        deterministic: bool = True,
    ) -> dict[str, Any]:
        """Returns `latents` (the input frames), `hidden` (a list of one array), and the outputs of `StudentCodebook`."""
        frames = student_features(audio)
        hidden = Student(self.config, name="student")(frames, valid, mask)
        codebook = StudentCodebook(self.codebook_groups, self.codebook_entries, name="codebook")
        return {"latents": frames, "hidden": [hidden], **codebook(frames, hidden, temperature)}
