"""What a synthesised corpus says, and who says it: a keyword alone or in context, what sounds like it, words, sentences."""

import dataclasses
import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from s3rl_jax.audio.read import to_int16
from s3rl_jax.core.errors import UserError
from s3rl_jax.prepare.recordings import speech_bounds
from s3rl_jax.prepare.synthesis import phonemes, phrases
from s3rl_jax.prepare.synthesis.engines import KNOWN, OtherVoice
from s3rl_jax.prepare.synthesis.espeak import ACCENTS, Voice

CONTEXT = 0.3  # of the keywords stand before, after or within other speech
BY_PHONEMES = 0.6  # of the sound-alikes that espeak-ng says; the others are spelled


@dataclasses.dataclass(frozen=True)
class Script:
    """What is to be spoken, and by whom.

    Attributes:
      keywords: words or phrases.
      minutes: of speech in all.
      count: recordings of each keyword, over all splits; 0: a share of the minutes.
      language: an espeak-ng voice name, for example en, de, fr, es.
      texts: other things to say than the built-in English ones; texts with a keyword in them are used as such, as neither.
      engines: of KNOWN, those that the machine has.
      piper_voices: a folder.
    """

    keywords: tuple[str, ...]
    minutes: float = 60.0
    count: int = 0
    language: str = "en"
    texts: tuple[str, ...] = ()
    engines: tuple[str, ...] = KNOWN
    piper_voices: str = ""


def read_texts(path: str) -> tuple[str, ...]:
    """The lines of a text file.

    Raises:
      UserError: if it cannot be read or has none.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--texts={path}: {error}; expected a UTF-8 text file") from error
    texts = tuple(line.strip() for line in lines if line.strip())
    if not texts:
        raise UserError(f"--texts={path}: no lines; expected a text a line")
    return texts


class Clip(NamedTuple):
    """What was said."""

    samples: Float[np.ndarray, "samples"]
    rate: int
    label: str  # the text, as far as it has letters
    word: tuple[float, float] | None  # where the keyword begins and ends in seconds, if there is something around it
    speaker: str
    accent: str
    engine: str


class Speech:
    """Chooses texts and says them. Keeps espeak-ng, whose output depends on what it said before.

    Raises:
      UserError: for a language that espeak-ng does not speak.
    """

    def __init__(self, script: Script, rng: np.random.Generator):
        self.script, self.rng, self._espeak = script, rng, Voice()
        if not self._espeak.has(script.language):
            raise UserError(f"--language={script.language}: espeak-ng has no such voice; expected for example en, de, fr, es")
        self._accents = ACCENTS if script.language == "en" else (script.language,)
        self._builtin = script.language.split("-")[0] == "en" and not script.texts
        own = dict.fromkeys(word for text in script.texts for word in text.lower().split())
        self._words = (*phrases.NOUNS, *phrases.VERBS, *phrases.ADJECTIVES) if self._builtin else tuple(own)

    def clip(self, kind: str, keyword: str, speaker: str | OtherVoice) -> Clip:
        """Says something of a kind: keyword, sound_alike, word or sentence.

        Args:
          kind: of text.
          keyword: what it is, or what it sounds like.
          speaker: a variant of espeak-ng's, or another engine's voice.
        """
        accent = str(self.rng.choice(self._accents))
        other = isinstance(speaker, OtherVoice)
        who = (speaker.name, self.script.language, speaker.name.split(":")[0]) if other else (speaker, accent, "espeak-ng")
        say = functools.partial(self._say, speaker=speaker, accent=accent, manner=self.rng.uniform(size=3))
        text = self._text(kind, keyword, accent, spelled=other)
        samples, rate = say(text)
        if kind != "keyword" or self.rng.random() > CONTEXT:
            return Clip(samples, rate, "" if text.startswith("[[") else text, None, *who)
        begin, end = speech_bounds(to_int16(samples))
        pieces, place = [samples[begin:end]], 0
        shape = self.rng.choice(["before", "after", "within"])
        for at_end in (False, True):
            if shape == ("before" if at_end else "after") or shape == "within":
                around, _ = say(self._text("sentence", keyword, accent, spelled=other))
                pause = np.zeros(int(self.rng.uniform(0.02, 0.3) * rate), np.float32)
                pieces = [*pieces, pause, around] if at_end else [around, pause, *pieces]
                place += 0 if at_end else len(around) + len(pause)
        word = (place / rate, (place + end - begin) / rate)
        return Clip(np.concatenate(pieces), rate, keyword, word, *who)

    def _text(self, kind, keyword, accent, spelled):
        """What to say: phonemes in double square brackets, unless it has to be spelled for another engine."""
        if kind == "keyword":
            return keyword
        if kind == "sound_alike":
            return (None if spelled else self._sound_alike(keyword, accent)) or str(self.rng.choice(self._alikes(keyword)))
        if self._words:
            if kind == "word":
                return str(self.rng.choice(self._words))
            return phrases.sentence(self.rng) if self._builtin else str(self.rng.choice(self.script.texts))
        if spelled:
            return str(self.rng.choice(self._alikes(keyword)))
        sizes = self.rng.integers(1, 4, size=1 if kind == "word" else int(self.rng.integers(3, 8)))
        words = ("".join(phonemes.pseudo_word(self.rng, self._inventory(accent), int(size))) for size in sizes)
        return f"[[{' '.join(words)}]]"

    def _sound_alike(self, keyword, accent):
        """Phonemes one or two away from the keyword's; None where it is to be spelled, or would be the keyword elsewhere."""
        target = self._phonemes(keyword, accent)
        if len(target) < 2 or self.rng.random() > BY_PHONEMES:
            return None
        made = phonemes.sound_alike(self.rng, target, self._inventory(accent), edits=int(self.rng.integers(1, 3)))
        elsewhere = all(phonemes.distance(made, self._phonemes(keyword, other)) for other in self._accents)
        return f"[[{''.join(made)}]]" if elsewhere else None

    @functools.lru_cache(maxsize=4096)  # noqa: B019 - there is one of it, for as long as the process speaks
    def _phonemes(self, text, accent):
        return self._espeak.phonemes(text, accent)

    @functools.lru_cache(maxsize=64)  # noqa: B019
    def _inventory(self, accent):
        # Without words of the language: what its letters, two by two, are read as.
        pairs = [c + v for c in "bcdfghjklmnpqrstvwxz" for v in ("a", "e", "i", "o", "u", "ai", "au", "ei")]
        return phonemes.inventory(self._phonemes(word, accent) for word in (*(self._words or pairs), *self.script.keywords))

    @functools.lru_cache(maxsize=64)  # noqa: B019
    def _alikes(self, keyword):
        """Spelled: real words that sound like it, and parts and changes of it that are read otherwise."""
        accent = self._accents[0]
        target = self._phonemes(keyword, accent)
        real = phonemes.nearest(target, {word: self._phonemes(word, accent) for word in self._words}, 12)
        made = [text for text in phrases.sound_alikes(keyword) if phonemes.distance(self._phonemes(text, accent), target)]
        return [word for word in (*real, *made) if word not in self.script.keywords] or [keyword[: -(-len(keyword) // 2)]]

    def _say(self, text, speaker, accent, manner):
        if isinstance(speaker, OtherVoice):
            return speaker.say(text, slowness=float(0.8 + 0.5 * manner[0]))
        rate, pitch, lively = int(110 + 120 * manner[0]), int(15 + 70 * manner[1]), int(20 + 60 * manner[2])
        samples = self._espeak.say(text, f"{accent}+{speaker}", rate, pitch, lively)
        return samples.astype(np.float32) / 32768, self._espeak.sample_rate
