"""The student trained as wav2vec 2.0, without a teacher: the paper's self-supervised baseline."""

import flax.linen as nn
from jaxtyping import Array, Bool, Float

from s3rl_jax.models.dense import Dense
from s3rl_jax.models.detector import student_features
from s3rl_jax.models.quantizer import Quantizer
from s3rl_jax.models.student import Student, StudentConfig


class SelfSupervisedStudent(nn.Module):
    """A student with a quantiser of its own over its input frames; called and answering as `Wav2Vec2` does."""

    config: StudentConfig
    codebook_groups: int = 2
    codebook_entries: int = 64
    dim: int = 128

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
        quantizer = Quantizer(self.codebook_groups, self.codebook_entries, self.dim, name="quantizer")
        vectors, probabilities, index = quantizer(frames, temperature)
        return {
            "latents": frames,
            "hidden": [hidden],
            "context": Dense(self.dim, name="project_hidden")(hidden),
            "codes": Dense(self.dim, name="project_codes")(vectors),
            "probabilities": probabilities,
            "index": index,
        }
