"""A corpus that is spoken by a machine: the keywords, words that sound like them, other words and sentences, noise."""

import csv
import sys
from pathlib import Path

import librosa
import numpy as np
import soundfile
from tqdm import tqdm

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.data import noise
from s3rl_jax.data.espeak import ACCENTS, Voice, variants
from s3rl_jax.data.phrases import sentence, sound_alikes, word
from s3rl_jax.errors import UserError

# Of the speech. The test split is large because false accepts are counted per hour.
SPLITS = {"train": 0.45, "validation": 0.05, "test": 0.5}
# Of the clips; the rest are sentences. A sentence is some four times as long as a word.
TRAIN_SHARES = {"keyword": 0.2, "sound_alike": 0.2, "word": 0.2}
TEST_SHARES = {"keyword": 0.08, "sound_alike": 0.12, "word": 0.2}
LICENCE = "synthetic speech (espeak-ng), free of rights"
COLUMNS = ("path", "split", "kind", "label", "speaker", "lang", "licence")


def synthesise(keywords: list[str], folder: str, minutes: float, seed: int) -> None:
    """Writes WAV files and a manifest.csv into `folder`.

    Voices (a variant of espeak-ng's in several accents) of one split are in no other. Texts, voices and timing are
    deterministic in the seed when this is the first thing that the process says; the samples of a few clips in a
    hundred differ slightly from run to run, because espeak-ng's do.

    Raises:
      UserError: for keywords without letters or too little audio to make all splits.
    """
    if not keywords or not all(any(c.isalpha() for c in keyword) for keyword in keywords):
        raise UserError(f"--synthesize={','.join(keywords)!r}: expected keywords, comma-separated")
    if minutes < 2:
        raise UserError(f"--minutes={minutes:g}: expected at least 2")
    rng = np.random.default_rng(seed)
    voice, root = Voice(), Path(folder)
    rows: list[dict] = []
    shuffled = [str(name) for name in rng.permutation(variants())]
    ends = np.round(np.cumsum([0.0, 0.65, 0.1, 0.25]) * len(shuffled)).astype(int)
    with tqdm(total=round(minutes * 60), unit="s", desc="speaking", disable=not sys.stderr.isatty()) as progress:
        for (split, share), first, last in zip(SPLITS.items(), ends[:-1], ends[1:], strict=True):
            speakers = shuffled[first:last]
            rows += _speak_split(voice, rng, root, split, keywords, speakers, minutes * 60 * share, progress)
            rows += _noises(rng, root, split, seconds=max(60.0, 6 * minutes * share))
    rows += _rooms(rng, root)
    with open(root / "manifest.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)


def _speak_split(voice, rng, root, split, keywords, speakers, seconds, progress):
    shares = TRAIN_SHARES if split == "train" else TEST_SHARES
    alikes = {keyword: sound_alikes(keyword) for keyword in keywords}
    (root / split).mkdir()
    spoken, rows = 0.0, []
    while spoken < seconds:
        keyword = str(rng.choice(keywords))
        kind = rng.choice([*shares, "sentence"], p=[*shares.values(), 1 - sum(shares.values())])
        text = {
            "keyword": lambda k=keyword: k,
            "sound_alike": lambda k=keyword: str(rng.choice(alikes[k])),
            "word": lambda: word(rng),
            "sentence": lambda: sentence(rng),
        }[kind]()
        speaker = str(rng.choice(speakers))
        accent = str(rng.choice(ACCENTS))
        settings = (int(rng.integers(110, 230)), int(rng.integers(15, 85)), int(rng.integers(20, 80)))
        samples = voice.say(text, f"{accent}+{speaker}", *settings).astype(np.float32) / 32768
        if not np.abs(samples).max(initial=0.0) > 0:
            continue
        # At any loudness from far to near, and with a little silence around, as recordings have.
        samples *= 10 ** (rng.uniform(-20, -3) / 20) / np.abs(samples).max()
        silence = [np.zeros(int(rng.uniform(0.05, 0.4) * voice.sample_rate), np.float32) for _ in range(2)]
        samples = np.concatenate([silence[0], samples, silence[1]])
        name = f"{split}/{len(rows):06}.wav"
        soundfile.write(root / name, samples, voice.sample_rate, subtype="PCM_16")
        label = text if kind == "keyword" or kind == "word" else ""
        rows.append(_row(path=name, split=split, kind="speech", label=label, speaker=speaker, lang=accent))
        spoken += len(samples) / voice.sample_rate
        progress.update(min(len(samples) / voice.sample_rate, max(progress.total - progress.n, 0)))
    return rows


def _noises(rng, root, split, seconds):
    speech = [soundfile.read(path, dtype="float32") for path in sorted((root / split).glob("*.wav"))[:80]]
    clips = [librosa.resample(samples, orig_sr=rate, target_sr=SAMPLE_RATE) for samples, rate in speech]
    rows = []
    for i in range(max(len(noise.KINDS), round(seconds / 10))):
        kind = noise.KINDS[i % len(noise.KINDS)]
        name = f"{split}/noise_{i:03}_{kind}.wav"
        soundfile.write(root / name, noise.generate(rng, kind, 10.0, clips), SAMPLE_RATE, subtype="PCM_16")
        rows.append(_row(path=name, split=split, kind="noise", label=kind))
    return rows


def _rooms(rng, root):
    rows = []
    for i in range(20):
        name = f"train/room_{i:02}.wav"
        soundfile.write(root / name, noise.room(rng, rng.uniform(0.15, 0.6)), SAMPLE_RATE, subtype="PCM_16")
        rows.append(_row(path=name, split="train", kind="impulse_response", label="room"))
    return rows


def _row(**columns):
    return {"licence": LICENCE, **columns}
