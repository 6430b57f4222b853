"""A corpus that machines speak: keywords, alone and among other words, what sounds like them, other speech, and noise."""

import csv
from collections.abc import Iterator
from pathlib import Path

import librosa
import numpy as np
import soundfile

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.progress import Progress
from s3rl_jax.prepare.synthesis import noise
from s3rl_jax.prepare.synthesis.engines import other_voices
from s3rl_jax.prepare.synthesis.espeak import variants
from s3rl_jax.prepare.synthesis.speech import Script, Speech

# Of the speech. The test split is large because false accepts are counted per hour.
SPLITS = {"train": 0.45, "validation": 0.05, "test": 0.5}
SPEAKERS = (0.65, 0.1, 0.25)  # of the voices, for each split
# Of the clips; the rest are sentences. A sentence is some four times as long as a word.
TRAIN_SHARES = {"keyword": 0.2, "sound_alike": 0.2, "word": 0.2}
TEST_SHARES = {"keyword": 0.08, "sound_alike": 0.12, "word": 0.2}
OTHER_VOICES = 3  # a voice of another engine speaks as often as so many variants of espeak-ng, which resemble each other
LEAST_MINUTES = 2
LICENCE = "synthetic speech ({engine}), free of rights as far as the engine's voice is"
COLUMNS = ("path", "split", "kind", "label", "speaker", "lang", "licence", "speech_start_s", "speech_end_s")


def synthesise(script: Script, folder: str, seed: int) -> None:
    """Writes WAV files and a manifest.csv into `folder`.

    Voices (a variant of espeak-ng's in several accents, or a voice of another engine) of one split are in no other. Texts,
    voices and timing are deterministic in the seed, on a machine with the same engines, when this is the first thing that
    the process says; the samples of a few clips in a hundred differ slightly from run to run, because espeak-ng's do.

    Raises:
      UserError: for keywords without letters, too little audio to make all splits, a language or an engine that is not there.
    """
    if not script.keywords or not all(any(c.isalpha() for c in keyword) for keyword in script.keywords):
        raise UserError(f"--synthesize={','.join(script.keywords)!r}: expected keywords, comma-separated")
    if script.minutes < LEAST_MINUTES:
        raise UserError(f"--minutes={script.minutes:g}: expected at least {LEAST_MINUTES}")
    if script.count < 0:
        raise UserError(f"--count={script.count}: expected 0 or more")
    rng, root = np.random.default_rng(seed), Path(folder)
    others = other_voices(script.engines, script.language, script.piper_voices)
    espeak = [] if "espeak" not in script.engines else [str(name) for name in variants()]
    if not espeak and len(others) < len(SPLITS):
        raise UserError(f"--engines={','.join(script.engines)}: {len(others)} voices; expected one a split, {len(SPLITS)}")
    speech = Speech(script, rng)
    rows: list[dict] = []
    with Progress(round(script.minutes * 60), "seconds", "speaking") as progress:
        for (split, share), speakers in zip(SPLITS.items(), _divided(rng, espeak, others), strict=True):
            rows += _speak_split(speech, root, split, speakers, script.minutes * 60 * share, progress)
            rows += _noises(rng, root, split, seconds=max(60.0, 6 * script.minutes * share))
    rows += _rooms(rng, root)
    with open(root / "manifest.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)


def _divided(rng, espeak, others) -> list[list]:
    """The voices of each split. Of few other voices each split has one, if there are as many."""
    found: list[list] = [[], [], []]
    for voices, weight in ((espeak, 1), (others, OTHER_VOICES)):
        order = [voices[i] for i in rng.permutation(len(voices))]
        ends = np.round(np.cumsum([0.0, *SPEAKERS]) * len(order)).astype(int)
        if len(SPLITS) <= len(order) < 10:
            ends = np.array([0, len(order) - 2, len(order) - 1, len(order)])
        for part, first, last in zip(found, ends[:-1], ends[1:], strict=True):
            part += [voice for voice in order[first:last] for _ in range(weight)]
    return found


def _speak_split(speech: Speech, root: Path, split: str, speakers: list, seconds: float, progress: Progress) -> list[dict]:
    script, rng = speech.script, speech.rng
    owed = round(script.count * SPLITS[split]) * len(script.keywords)
    (root / split).mkdir()
    spoken, rows = 0.0, []
    for number, (kind, keyword) in enumerate(_parts(script, split, rng)):
        if number >= owed and spoken >= seconds:
            break
        speaker = speakers[int(rng.integers(len(speakers)))]
        clip = speech.clip(kind, keyword, speaker)
        peak = np.abs(clip.samples).max(initial=0)
        if not peak > 0:
            continue
        # At any loudness from far to near, and with a little silence around, as recordings have.
        silence = [np.zeros(int(rng.uniform(0.05, 0.4) * clip.rate), np.float32) for _ in range(2)]
        loudness = 10 ** (rng.uniform(-20, -3) / 20) / peak
        samples = np.concatenate([silence[0], clip.samples * loudness, silence[1]])
        name = f"{split}/{len(rows):06}.wav"
        soundfile.write(root / name, samples, clip.rate, subtype="PCM_16")
        who = {"speaker": clip.speaker, "lang": clip.accent}
        row = _row(clip.engine, path=name, split=split, kind="speech", label=clip.label, **who)
        if clip.word:
            begin, end = (len(silence[0]) / clip.rate + edge for edge in clip.word)
            row |= {"speech_start_s": f"{begin:.3f}", "speech_end_s": f"{end:.3f}"}
        rows.append(row)
        seconds_said = len(samples) / clip.rate if number >= owed else 0.0
        spoken += seconds_said
        progress.advance(seconds_said)
    return rows


def _parts(script: Script, split: str, rng: np.random.Generator) -> Iterator[tuple[str, str]]:
    """What is said next, and of which keyword: those recordings that are asked for by number, then by shares, for ever."""
    shares = dict(TRAIN_SHARES if split == "train" else TEST_SHARES)
    if script.count:
        shares.pop("keyword")
    for keyword in script.keywords:
        yield from [("keyword", keyword)] * round(script.count * SPLITS[split])
    kinds, odds = [*shares, "sentence"], [*shares.values(), 1 - sum(shares.values())]
    while True:
        yield str(rng.choice(kinds, p=odds)), str(rng.choice(script.keywords))


def _noises(rng, root, split, seconds):
    speech = [soundfile.read(path, dtype="float32") for path in sorted((root / split).glob("*.wav"))[:80]]
    clips = [librosa.resample(samples, orig_sr=rate, target_sr=SAMPLE_RATE) for samples, rate in speech]
    rows = []
    for i in range(max(len(noise.KINDS), round(seconds / 10))):
        kind = noise.KINDS[i % len(noise.KINDS)]
        name = f"{split}/noise_{i:03}_{kind}.wav"
        soundfile.write(root / name, noise.generate(rng, kind, 10.0, clips), SAMPLE_RATE, subtype="PCM_16")
        rows.append(_row("generated", path=name, split=split, kind="noise", label=kind))
    return rows


def _rooms(rng, root):
    rows = []
    for i in range(20):
        name = f"train/room_{i:02}.wav"
        soundfile.write(root / name, noise.room(rng, rng.uniform(0.15, 0.6)), SAMPLE_RATE, subtype="PCM_16")
        rows.append(_row("generated", path=name, split="train", kind="impulse_response"))
    return rows


def _row(engine, **columns):
    return {"licence": LICENCE.format(engine=engine), **columns}
