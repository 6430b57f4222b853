"""The source of a synthesised corpus: keywords, alone and among other words, sound-alikes, other speech, noise and rooms.

WAV files and a manifest.csv, which are prepared as any other source.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import librosa
import numpy as np
import soundfile
from jaxtyping import Float

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.core.durable import durably
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.progress import Progress
from s3rl_jax.corpus.text import is_phonemes
from s3rl_jax.prepare.synthesis.espeak import variants
from s3rl_jax.prepare.synthesis.external_voices import ExternalVoice, external_voices
from s3rl_jax.prepare.synthesis.noise_and_rooms import KINDS, generate_noise, generate_room
from s3rl_jax.prepare.synthesis.script import Script
from s3rl_jax.prepare.synthesis.synthesiser import Synthesiser, Utterance

# Shares of the speech. The test split is large because false accepts are counted per hour.
SPLIT_SHARES = {"train": 0.45, "validation": 0.05, "test": 0.5}
VOICE_SHARES = (0.65, 0.1, 0.25)  # of the voices, for each split
# Shares of the clips; the rest are sentences. A sentence is some four times as long as a word.
TRAIN_SHARES = {"keyword": 0.2, "sound_alike": 0.2, "word": 0.2}
TEST_SHARES = {"keyword": 0.08, "sound_alike": 0.12, "word": 0.2}
EXTERNAL_WEIGHT = 3  # an external voice speaks as often as so many variants of espeak-ng, which resemble each other
FEW_VOICES = 10
MIN_MINUTES = 2
NOISE_SECONDS = 10.0  # of a recording
BABBLE_CLIPS = 80
ROOMS = 20
LICENCE = "synthetic speech ({engine}), free of rights as far as the engine's voice is"
COLUMNS = ("path", "split", "kind", "label", "speaker", "lang", "licence", "speech_start_s", "speech_end_s")

Voice = str | ExternalVoice
Row = dict[str, str]  # of the manifest


def synthesise(script: Script, folder: str, seed: int) -> None:
    """Writes WAV files and a manifest.csv into `folder`.

    A voice (a variant of espeak-ng's in several accents, or a voice of another engine) speaks in one split only. Texts,
    voices and timing are pure functions of the seed and of the engines of the machine, if the process has used espeak-ng
    for nothing before. The samples of a few clips in a hundred differ slightly from run to run, because espeak-ng's do.

    Raises:
      UserError: for too little audio for all splits, a language or an engine that is missing, or phonemes without espeak.
    """
    if script.minutes < MIN_MINUTES:
        raise UserError(f"--minutes={script.minutes:g}: expected at least {MIN_MINUTES}")
    if script.count < 0:
        raise UserError(f"--count={script.count}: expected 0 or more")
    rng, root = np.random.default_rng(seed), Path(folder)
    external = external_voices(script.engines, script.language, script.piper_voices)
    espeak = list(variants()) if "espeak" in script.engines else []
    if not espeak and len(external) < len(SPLIT_SHARES):
        raise UserError(
            f"--engines={','.join(script.engines)}: {len(external)} voices; expected one a split, {len(SPLIT_SHARES)}"
        )
    if not espeak and any(is_phonemes(keyword) for keyword in script.keywords):
        raise UserError(f"--engines={','.join(script.engines)}: phonemes are spoken by espeak alone; expected it among them")
    synthesiser = Synthesiser(script, rng)
    rows: list[Row] = []
    with Progress(round(script.minutes * 60), "seconds", "speaking") as progress:
        for (split, share), voices in zip(SPLIT_SHARES.items(), _divide_voices(rng, espeak, external), strict=True):
            rows += _write_speech(synthesiser, root, split, voices, script.minutes * 60 * share, progress)
            rows += _write_noise(rng, root, split, seconds=max(60.0, 6 * script.minutes * share))
    rows += _write_rooms(rng, root)
    with durably(root / "manifest.csv") as file:  # last: a folder with a manifest is spoken to the end
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)


def _divide_voices(rng: np.random.Generator, espeak: list[str], external: list[ExternalVoice]) -> list[list[Voice]]:
    """The voices of each split. Of few external voices each split has one, if there are as many."""
    splits: list[list[Voice]] = [[], [], []]
    groups: tuple[tuple[Sequence[Voice], int], ...] = ((espeak, 1), (external, EXTERNAL_WEIGHT))
    for voices, weight in groups:
        order = [voices[i] for i in rng.permutation(len(voices))]
        ends = np.round(np.cumsum([0.0, *VOICE_SHARES]) * len(order)).astype(int)
        if len(splits) <= len(order) < FEW_VOICES:
            ends = np.array([0, len(order) - 2, len(order) - 1, len(order)])
        for split, first, last in zip(splits, ends[:-1], ends[1:], strict=True):
            split += [voice for voice in order[first:last] for _ in range(weight)]
    return splits


def _write_speech(
    synthesiser: Synthesiser, root: Path, split: str, voices: list[Voice], seconds: float, progress: Progress
) -> list[Row]:
    """Speaks until the keywords are spoken as often as the script counts and `seconds` of other clips are there."""
    script, rng = synthesiser.script, synthesiser.rng
    counted = round(script.count * SPLIT_SHARES[split]) * len(script.keywords)
    (root / split).mkdir()
    spoken, rows = 0.0, []
    for number, (kind, keyword) in enumerate(_kinds(script, split, rng)):
        if number >= counted and spoken >= seconds:
            break
        able = [voice for voice in voices if isinstance(voice, str)] if is_phonemes(keyword) else voices
        voice = able[int(rng.integers(len(able)))]
        utterance = synthesiser.utterance(kind, keyword, voice)
        peak = np.abs(utterance.samples).max(initial=0)
        if not peak > 0:
            continue
        samples, lead = _recorded(rng, utterance, peak)
        name = f"{split}/{len(rows):06}.wav"
        soundfile.write(root / name, samples, utterance.rate, subtype="PCM_16")
        speaker = {"speaker": utterance.speaker, "lang": utterance.accent}
        row = _row(utterance.engine, path=name, split=split, kind="speech", label=utterance.label, **speaker)
        if utterance.word:
            begin, end = (lead + edge for edge in utterance.word)
            row |= {"speech_start_s": f"{begin:.3f}", "speech_end_s": f"{end:.3f}"}
        rows.append(row)
        if number >= counted:
            spoken += len(samples) / utterance.rate
            progress.advance(len(samples) / utterance.rate)
    return rows


def _recorded(
    rng: np.random.Generator, utterance: Utterance, peak: float | np.floating
) -> tuple[Float[np.ndarray, "samples"], float]:
    """The samples at any loudness from far to near, with a little silence around; and the leading silence in seconds."""
    before, after = (np.zeros(int(rng.uniform(0.05, 0.4) * utterance.rate), np.float32) for _ in range(2))
    loudness = 10 ** (rng.uniform(-20, -3) / 20) / peak
    return np.concatenate([before, utterance.samples * loudness, after]), len(before) / utterance.rate


def _kinds(script: Script, split: str, rng: np.random.Generator) -> Iterator[tuple[str, str]]:
    """The kind of each utterance and its keyword: first the counted keywords, then by shares, for ever."""
    shares = dict(TRAIN_SHARES if split == "train" else TEST_SHARES)
    if script.count:
        shares.pop("keyword")
    for keyword in script.keywords:
        yield from [("keyword", keyword)] * round(script.count * SPLIT_SHARES[split])
    kinds, odds = [*shares, "sentence"], [*shares.values(), 1 - sum(shares.values())]
    while True:
        yield str(rng.choice(kinds, p=odds)), str(rng.choice(script.keywords))


def _write_noise(rng: np.random.Generator, root: Path, split: str, seconds: float) -> list[Row]:
    """Noise of each kind in turn; babble is mixed from the first clips of speech of the split."""
    speech = [soundfile.read(path, dtype="float32") for path in sorted((root / split).glob("*.wav"))[:BABBLE_CLIPS]]
    clips = [librosa.resample(samples, orig_sr=rate, target_sr=SAMPLE_RATE) for samples, rate in speech]
    rows = []
    for i in range(max(len(KINDS), round(seconds / NOISE_SECONDS))):
        kind = KINDS[i % len(KINDS)]
        name = f"{split}/noise_{i:03}_{kind}.wav"
        soundfile.write(root / name, generate_noise(rng, kind, NOISE_SECONDS, clips), SAMPLE_RATE, subtype="PCM_16")
        rows.append(_row("generated", path=name, split=split, kind="noise", label=kind))
    return rows


def _write_rooms(rng: np.random.Generator, root: Path) -> list[Row]:
    rows = []
    for i in range(ROOMS):
        name = f"train/room_{i:02}.wav"
        soundfile.write(root / name, generate_room(rng, rng.uniform(0.15, 0.6)), SAMPLE_RATE, subtype="PCM_16")
        rows.append(_row("generated", path=name, split="train", kind="impulse_response"))
    return rows


def _row(engine: str, **columns: str) -> Row:
    return {"licence": LICENCE.format(engine=engine), **columns}
