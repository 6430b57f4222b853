"""The engines: the voices that this machine has of them."""

from collections.abc import Mapping, Sequence

from s3rl_jax.core.errors import UserError
from s3rl_jax.prepare.synthesis.espeak import Espeak
from s3rl_jax.prepare.synthesis.espeak_voices import espeak_voices
from s3rl_jax.prepare.synthesis.hibari_voices import hibari_voices
from s3rl_jax.prepare.synthesis.kokoro import kokoro_voices
from s3rl_jax.prepare.synthesis.piper_voices import piper_voices
from s3rl_jax.prepare.synthesis.programs import festival_voices, flite_voices
from s3rl_jax.prepare.synthesis.voice import Voice

# Sentences are long and only negatives: an engine that takes half a second of a core a second of sound speaks fewer of them.
SENTENCE_SHARES = {"kokoro": 0.1}


def voices_of(
    shares: Mapping[str, float], espeak: Espeak, language: str, kokoro_folder: str, piper_folder: str
) -> dict[str, list[Voice]]:
    """The voices of each of the engines, in a fixed order; engines without a voice here are left out.

    Raises:
      UserError: if there is no voice at all, or a folder of voices cannot be used.
    """
    for engine, folder in (("kokoro", kokoro_folder), ("piper", piper_folder)):
        if folder and engine not in shares:
            raise UserError(f"--{engine}_voices={folder}: expected {engine} among --engines")
    voices = {
        # First those whose voices decide the division into splits: see casting.py.
        "hibari": hibari_voices(espeak, language) if "hibari" in shares else [],
        "kokoro": kokoro_voices(espeak, language, kokoro_folder) if "kokoro" in shares else [],
        "piper": piper_voices(espeak, language, piper_folder) if "piper" in shares else [],
        "espeak": espeak_voices(espeak, language) if "espeak" in shares else [],
        "flite": flite_voices(language) if "flite" in shares else [],
        "festival": festival_voices(language) if "festival" in shares else [],
    }
    there = {engine: found for engine, found in voices.items() if found}
    if not there:
        raise UserError(f"--engines={','.join(shares)}: 0 voices for {language} here; expected espeak among them")
    return there


def describe(voices: Mapping[str, Sequence[Voice]], shares: Mapping[str, float]) -> str:
    """The number of voices of each engine, and the engines that are not on this machine or do not speak the language."""
    missing = [engine for engine in shares if engine not in voices]
    counts = ", ".join(f"{engine} {len(speakers)}" for engine, speakers in voices.items())
    return f"voices: {counts}" + (f"; none of {', '.join(missing)}" if missing else "")
