"""A student with a codebook of its own, as wav2vec 2.0 has one: the paper's baselines without a teacher's."""

import flax.linen as nn
from jaxtyping import Array, Bool, Float

from s3rl_jax.models.detector import student_features
from s3rl_jax.models.ops.dense import Dense
from s3rl_jax.models.student.transformer import Student, StudentConfig
from s3rl_jax.models.teacher.quantizer import Quantizer


class StudentCodebook(nn.Module):
    """A quantiser over log-mel frames, and where a student's frames and its code vectors are compared."""

    groups: int = 2
    entries: int = 64
    dim: int = 128

    @nn.compact
    def __call__(
        self, frames: Float[Array, "batch time stacked"], hidden: Float[Array, "batch time width"], temperature
    ) -> dict:
        vectors, probabilities, index = Quantizer(self.groups, self.entries, self.dim, name="quantizer")(frames, temperature)
        return {
            "context": Dense(self.dim, name="project_hidden")(hidden),
            "codes": Dense(self.dim, name="project_codes")(vectors),
            "probabilities": probabilities,
            "index": index,
        }


class SelfSupervisedStudent(nn.Module):
    """A student and a codebook over its input frames; called and answering as `Wav2Vec2` does."""

    config: StudentConfig
    codebook_groups: int = 2
    codebook_entries: int = 64

    @nn.compact
    def __call__(
        self,
        audio: Float[Array, "batch samples"],
        valid: Bool[Array, "batch time"],
        mask: Bool[Array, "batch time"] | None = None,
        temperature=None,
        deterministic: bool = True,
    ) -> dict:
        frames = student_features(audio)
        hidden = Student(self.config, name="student")(frames, valid, mask)
        codebook = StudentCodebook(self.codebook_groups, self.codebook_entries, name="codebook")
        return {"latents": frames, "hidden": [hidden], **codebook(frames, hidden, temperature)}
