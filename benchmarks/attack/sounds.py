"""Sound files of every format, cut, altered, or with headers that lie; `prepare` and `detect` read them."""

import csv
import functools
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.attack.damage import damaged
from benchmarks.attack.process import Ending, Try
from benchmarks.toy import Toy

FORMATS = {
    "wav": ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "GSM610"),
    "wavex": ("PCM_16", "FLOAT"),
    "rf64": ("PCM_16",),
    "w64": ("PCM_16",),
    "aiff": ("PCM_16",),
    "au": ("PCM_16", "FLOAT"),
    "caf": ("PCM_16",),
    "flac": ("PCM_16", "PCM_24"),
    "ogg": ("VORBIS", "OPUS"),
    "mp3": ("MPEG_LAYER_III",),
}
WAVS = ("wav", "wavex", "rf64")
# Fields of a WAV's header: place and bytes. Rate, channels, bits, frame, length of the samples, of the format, of the file.
HEADER = ((24, 4), (22, 2), (34, 2), (32, 2), (40, 4), (16, 4), (4, 4), (20, 2))
LIES = (0, 1, 3, 12, 40, 64, 65, 3999, 4000, 384_000, 384_001, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1)
SAMPLES = (np.nan, np.inf, -np.inf, 1e18, -1e30, 70_000.0, 3e38, 1e-40)
RATES = (4000, 384_000)  # Hz, between which a recording may be
HOURS = 24  # of the longest recording
HOP = 2560  # samples at 16 kHz


@functools.cache
def recordings() -> dict[str, bytes]:
    """A second of noise in every format; the name ends in the format."""
    rng, files = np.random.default_rng(0), {}
    for container, subtypes in FORMATS.items():
        for subtype in subtypes:
            rate = 48_000 if subtype == "OPUS" else 8000 if subtype == "GSM610" else 16_000
            for channels in (1,) if subtype == "GSM610" else (1, 2):
                buffer = io.BytesIO()
                noise = np.clip(0.1 * rng.standard_normal((rate, channels)), -1, 1)
                soundfile.write(buffer, noise, rate, subtype, format=container.upper())
                files[f"{subtype}_{channels}.{container}"] = buffer.getvalue()
    return files


def hostile_recording(rng: random.Random) -> tuple[str, bytes]:
    """A name and content: a recording that is damaged, whose header lies, or whose samples are no sound."""
    name = rng.choice(sorted(recordings()))
    content, kind = recordings()[name], rng.random()
    if kind < 0.2:
        samples = 0.1 * np.random.default_rng(0).standard_normal(8000)
        samples[rng.randrange(8000) :][: rng.choice([1, 100])] = rng.choice(SAMPLES)
        buffer = io.BytesIO()
        soundfile.write(buffer, samples, rng.choice([8000, 16_000, 22_050]), rng.choice(["FLOAT", "DOUBLE"]), format="WAV")
        return "samples.wav", buffer.getvalue()
    if kind < 0.5 and name.endswith(WAVS):
        changed = bytearray(content)
        for place, size in rng.sample(HEADER, rng.choice([1, 1, 2])):
            changed[place : place + size] = (rng.choice(LIES) % 256**size).to_bytes(size, "little")
        return name, bytes(changed)
    if kind < 0.6:
        other = recordings()[rng.choice(sorted(recordings()))]
        return name, content[: rng.randrange(len(content))] + other[rng.randrange(len(other)) :]
    return name, damaged(rng, content)


def prepared_sound(rng: random.Random, folder: Path, toy: Toy) -> Try:
    """`prepare` of a hostile recording beside a good one, which must be in the corpus, as must the other or its reason."""
    name, content = hostile_recording(rng)
    source = folder / "in"
    source.mkdir()
    (source / name).write_bytes(content)
    (source / "good.wav").write_bytes(recordings()["PCM_16_1.wav"])
    kind = rng.choice(["speech", "noise", "impulse_response"])
    (source / "manifest.csv").write_text(f"path,split,kind,label\n{name},train,{kind},alexa\ngood.wav,train,speech,alexa\n")

    def complaint(ending: Ending) -> str:
        return "; ".join(_complaints_of_corpus(folder / "out", source / name)) or (ending.errors if ending.status else "")

    return Try(("prepare", "--source=in", "--out=out", "--workers=1"), complaint)


def _complaints_of_corpus(out: Path, recording: Path) -> Iterator[str]:
    (index,) = (json.loads(path.read_text()) for path in (out / "corpus/2.0.0/index").glob("train-*.json"))
    lengths = dict(zip(index["id"], index["samples"], strict=True))
    name, rejected = recording.name, [Path(path).name for path, _ in index["rejected"]]
    if "good.wav" not in lengths:
        yield "the good recording is lost"
    if (name in lengths) + (name in rejected) != 1:
        yield f"{name} is neither in the corpus nor rejected"
    if name in lengths:
        rate = soundfile.info(recording).samplerate
        if not RATES[0] <= rate <= RATES[1]:
            yield f"{rate} Hz was taken"
        if not 0 < lengths[name] <= HOURS * 3600 * 16_000:
            yield f"{lengths[name]} samples"


def detected_sound(rng: random.Random, folder: Path, toy: Toy) -> Try:
    """`detect` of a hostile recording and then a good one, all of whose hops must be scored."""
    name, content = hostile_recording(rng)
    (folder / name).write_bytes(content)
    (folder / "good.wav").write_bytes(recordings()["PCM_16_1.wav"])
    options = (f"--channel={rng.choice([0, 1, 63])}",) if rng.random() < 0.1 else ()

    def complaint(ending: Ending) -> str:
        complaints = list(complaints_of_scores(folder / "s.csv"))
        with open(folder / "s.csv", encoding="utf-8", newline="") as file:
            hops = sum(row["file"] == "good.wav" for row in csv.DictReader(file))
        if hops != -(-16_000 // HOP) and not options:
            complaints.append(f"{hops} hops of the good recording")
        return "; ".join(complaints)

    return Try(("detect", str(toy.model), name, "good.wav", "--scores=s.csv", *options), complaint)


def standard_input(rng: random.Random, folder: Path, toy: Toy) -> Try:
    """`detect -`: bytes of any kind as raw samples of any kind, or a damaged WAV."""
    kind = rng.random()
    if kind < 0.4:
        data = rng.randbytes(rng.choice([0, 1, 3, 11, 12, 13, 1000, 100_000]))
    elif kind < 0.6:
        data = bytes([rng.randrange(256)]) * rng.randrange(100_000)
    else:
        data = hostile_recording(rng)[1]
    encoding = rng.choice(["u8", "s16le", "s24le", "s32le", "f32le", "f64le"])
    options = [f"--format={encoding}"]
    if rng.random() < 0.5:
        options.append(f"--rate={rng.choice([-1, 0, 1, 3999, 4000, 44_100, 384_000, 384_001, 10**12])}")
    if rng.random() < 0.5:
        options.append(f"--channels={rng.choice([-1, 0, 1, 2, 3, 64, 65, 10**6])}")

    def complaint(ending: Ending) -> str:
        return "; ".join(complaints_of_scores(folder / "s.csv")) if (folder / "s.csv").exists() else ""

    return Try(("detect", str(toy.model), "-", "--scores=s.csv", *options), complaint, data)


def complaints_of_scores(path: Path) -> Iterator[str]:
    """Posteriors that are no probabilities."""
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if not 0 <= float(row["posterior"]) <= 1:
                yield f"{row['file']}, {row['time']} s: posterior {row['posterior']}"
                return
