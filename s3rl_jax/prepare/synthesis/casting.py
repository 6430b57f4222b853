"""Who speaks: divides the voices among the splits, and draws a voice for each utterance.

Nobody is to be heard in two splits: neither a voice, nor a blend with it, nor another engine's copy of the same speaker.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from s3rl_jax.core.errors import UserError
from s3rl_jax.prepare.synthesis.engines import SENTENCE_SHARES
from s3rl_jax.prepare.synthesis.voice import Voice

VOICE_SHARES = (0.65, 0.1, 0.25)  # of the persons of an engine, for training, validation and test
FEW = 10  # persons of an engine: one each for validation and test
BLENDED = 0.6  # of the utterances of an engine that can blend
BLEND = (0.25, 0.75)  # shares of the second voice


class Cast:
    """The voices of one split.

    Args:
      voices: of each engine.
      shares: of the engines.

    Attributes:
      engines: that have a voice in this split.
    """

    def __init__(self, voices: Mapping[str, Sequence[Voice]], shares: Mapping[str, float]):
        self._voices = {engine: list(speakers) for engine, speakers in voices.items() if speakers}
        self._shares, self.engines = shares, tuple(self._voices)

    def draw(self, rng: np.random.Generator, kind: str, phonetic: bool, without: Collection[str] = ()) -> Voice | None:
        """A voice, or a blend of two of the split.

        Args:
          rng: chooses.
          kind: keyword, sound_alike, word or sentence.
          phonetic: whether the text is phonemes.
          without: engines that have failed.

        Returns:
          None if no engine is left.
        """
        able = [
            name for name, speakers in self._voices.items() if name not in without and (speakers[0].phonetic or not phonetic)
        ]
        if not able:
            return None
        odds = np.array([self._shares[name] * (SENTENCE_SHARES.get(name, 1.0) if kind == "sentence" else 1.0) for name in able])
        speakers = self._voices[able[int(rng.choice(len(able), p=odds / odds.sum()))]]
        voice, other = (speakers[int(number)] for number in rng.integers(len(speakers), size=2))
        blended, share = rng.random() < BLENDED, float(rng.uniform(*BLEND))
        return voice.blend(other, share) if blended else voice


def divide_voices(
    rng: np.random.Generator, voices: Mapping[str, Sequence[Voice]], shares: Mapping[str, float]
) -> tuple[Cast, Cast, Cast]:
    """Divides the persons of each engine: of many by VOICE_SHARES; of a few, one each for validation and test; of one or two,
    all for training. A person of an earlier engine keeps its split.

    Returns:
      The casts of training, validation and test.

    Raises:
      UserError: if a split has no voice.
    """
    split_of: dict[str, int] = {}
    for speakers in voices.values():
        persons = sorted({person for voice in speakers for person in voice.persons})
        order = [persons[i] for i in rng.permutation(len(persons))]
        order = [*(p for p in order if p in split_of), *(p for p in order if p not in split_of)]  # training comes first
        for split, names in enumerate(np.split(np.array(order, object), _ends(len(order)))):
            for name in names:
                split_of.setdefault(name, split)
    parts = (
        {engine: [v for v in speakers if {split_of[p] for p in v.persons} == {split}] for engine, speakers in voices.items()}
        for split in range(len(VOICE_SHARES))
    )
    train, validation, test = (Cast(part, shares) for part in parts)
    if not all(cast.engines for cast in (train, validation, test)):
        count = sum(map(len, voices.values()))
        raise UserError(
            f"--engines={','.join(shares)}: {count} voices; expected one a split, {len(VOICE_SHARES)}, or espeak too"
        )
    return train, validation, test


def _ends(count: int) -> list[int]:
    """The positions between training, validation and test."""
    if count < len(VOICE_SHARES):
        return [count, count]
    if count < FEW:
        return [count - 2, count - 1]
    return np.round(np.cumsum(VOICE_SHARES[:2]) * count).astype(int).tolist()
