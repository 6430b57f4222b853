"""The source of a synthesised corpus: keywords, alone and among other words, sound-alikes, other speech, noise and rooms.

WAV files and a manifest.csv, which are prepared as any other source.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import librosa
import numpy as np
import soundfile
from jaxtyping import Float

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.core.durable import durably, errors_naming
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.core.progress import Progress
from s3rl_jax.corpus.synthetic import BEGINNING
from s3rl_jax.prepare.synthesis.casting import Cast, divide_voices
from s3rl_jax.prepare.synthesis.engines import describe, voices_of
from s3rl_jax.prepare.synthesis.espeak import Espeak
from s3rl_jax.prepare.synthesis.noise_and_rooms import KINDS, generate_noise, generate_room
from s3rl_jax.prepare.synthesis.script import Script
from s3rl_jax.prepare.synthesis.speaking import Failure, Speakers
from s3rl_jax.prepare.synthesis.synthesiser import Line, Synthesiser, Utterance

# Shares of the speech. The test split is large because false accepts are counted per hour.
SPLIT_SHARES = {"train": 0.45, "validation": 0.05, "test": 0.5}
KEYWORD_SHARES = {"train": 0.6, "validation": 0.1, "test": 0.3}  # of counted recordings of a keyword
# Shares of the clips; the rest are sentences. A sentence is some four times as long as a word.
TRAIN_SHARES = {"keyword": 0.2, "sound_alike": 0.2, "word": 0.2}
TEST_SHARES = {"keyword": 0.08, "sound_alike": 0.12, "word": 0.2}
MIN_MINUTES = 2
NOISE_SECONDS = 10.0  # of a recording
BABBLE_CLIPS = 80
ROOMS = 20
LICENCE = BEGINNING + " ({engine}), free of rights as far as the engine's voice is"
COLUMNS = ("path", "split", "kind", "label", "speaker", "lang", "source", "licence", "speech_start_s", "speech_end_s")
MANIFEST, FAILURES = "manifest.csv", "failures.csv"

Row = dict[str, str]  # of the manifest


def synthesise(script: Script, folder: str, seed: int, workers: int = 1) -> None:
    """Writes WAV files, a manifest.csv, and a failures.csv of what an engine did not speak, into `folder`.

    A voice speaks in one split only. Texts, voices and timing are pure functions of the seed and of the engines of the machine,
    if the process has used espeak-ng for nothing before; `workers` changes nothing. The samples of a few clips in a hundred
    may differ slightly from run to run, because espeak-ng's do.

    Raises:
      UserError: for too little audio for all splits, a language or an engine that is missing, a keyword that no engine speaks.
    """
    if script.minutes < MIN_MINUTES:
        raise UserError(f"--minutes={script.minutes:g}: expected at least {MIN_MINUTES}")
    if script.count < 0:
        raise UserError(f"--count={script.count}: expected 0 or more")
    rng, root, espeak = np.random.default_rng(seed), Path(folder), Espeak()
    synthesiser = Synthesiser(script, espeak, rng)
    voices = voices_of(script.engines, espeak, script.language, script.kokoro_voices, script.piper_voices)
    casts = divide_voices(rng, voices, script.engines)
    LOGGER.info(describe(voices, script.engines))
    speakers, rows = Speakers(synthesiser, workers), []
    try:
        with Progress(round(script.minutes * 60), "seconds", "speaking") as progress:
            for (split, share), cast in zip(SPLIT_SHARES.items(), casts, strict=True):
                rows += _write_speech(speakers, synthesiser, root, split, cast, script.minutes * 60 * share, progress)
                rows += _write_noise(rng, root, split, seconds=max(60.0, 6 * script.minutes * share))
    finally:
        speakers.close()
    rows += _write_rooms(rng, root)
    _write_table(root / FAILURES, Failure._fields, [failure._asdict() for failure in speakers.failures])
    _write_table(root / MANIFEST, COLUMNS, rows)  # last: a folder with a manifest is spoken to the end


def _write_table(path: Path, columns: tuple[str, ...], rows: list[Row]) -> None:
    with durably(path) as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def _write_speech(
    speakers: Speakers, synthesiser: Synthesiser, root: Path, split: str, cast: Cast, seconds: float, progress: Progress
) -> list[Row]:
    """Speaks until the keywords are spoken as often as the script counts and `seconds` of other clips are there."""
    script, rng = synthesiser.script, synthesiser.rng
    (root / split).mkdir()
    rows: list[Row] = []
    keywords = [("keyword", word) for word in script.keywords for _ in range(_counts(script.count)[split])]
    for line, utterance in speakers.utterances(iter(keywords), cast):
        rows.append(_write_clip(rng, root, f"{split}/{len(rows):06}.wav", split, line, utterance)[0])
    spoken = 0.0
    for line, utterance in speakers.utterances(_kinds(script, split, rng), cast):
        if spoken >= seconds:
            break
        row, length = _write_clip(rng, root, f"{split}/{len(rows):06}.wav", split, line, utterance)
        rows.append(row)
        spoken += length
        progress.advance(length)
    return rows


def _counts(count: int) -> dict[str, int]:
    """The recordings of a keyword in each split, `count` in all."""
    ends = np.round(np.cumsum([0.0, *KEYWORD_SHARES.values()]) * count).astype(int)
    return dict(zip(KEYWORD_SHARES, np.diff(ends).tolist(), strict=True))


def _write_clip(
    rng: np.random.Generator, root: Path, name: str, split: str, line: Line, utterance: Utterance
) -> tuple[Row, float]:
    """Writes an utterance at any loudness from far to near, with a little silence around; its row and its seconds."""
    rate = utterance.rate
    before, after = (np.zeros(int(rng.uniform(0.05, 0.4) * rate), np.float32) for _ in range(2))
    loudness = 10 ** (rng.uniform(-20, -3) / 20) / np.abs(utterance.samples).max()
    samples = np.concatenate([before, utterance.samples * loudness, after])
    _write_wav(root / name, samples, rate)
    engine = line.voice.engine
    voice = {"speaker": line.voice.name, "lang": line.accent, "source": engine}
    row = _row(engine, path=name, split=split, kind="speech", label=line.label, **voice)
    if utterance.word:
        begin, end = (len(before) / rate + edge for edge in utterance.word)
        row |= {"speech_start_s": f"{begin:.3f}", "speech_end_s": f"{end:.3f}"}
    return row, len(samples) / rate


def _kinds(script: Script, split: str, rng: np.random.Generator) -> Iterator[tuple[str, str]]:
    """The kind of each utterance and its keyword, by shares, for ever; keywords only if the script does not count them."""
    shares = dict(TRAIN_SHARES if split == "train" else TEST_SHARES)
    if script.count:
        shares.pop("keyword")
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
        _write_wav(root / name, generate_noise(rng, kind, NOISE_SECONDS, clips), SAMPLE_RATE)
        rows.append(_row("generated", path=name, split=split, kind="noise", label=kind))
    return rows


def _write_rooms(rng: np.random.Generator, root: Path) -> list[Row]:
    rows = []
    for i in range(ROOMS):
        name = f"train/room_{i:02}.wav"
        _write_wav(root / name, generate_room(rng, rng.uniform(0.15, 0.6)), SAMPLE_RATE)
        rows.append(_row("generated", path=name, split="train", kind="impulse_response"))
    return rows


def _write_wav(path: Path, samples: Float[np.ndarray, "samples"], rate: int) -> None:
    """Writes a 16-bit WAV. Raises OSError on a full disk, on which soundfile fails in an assertion."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, "PCM_16", format="WAV")
    with errors_naming(path):
        path.write_bytes(buffer.getvalue())


def _row(engine: str, **columns: str) -> Row:
    return {"licence": LICENCE.format(engine=engine), **columns}
