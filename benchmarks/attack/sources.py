"""Sources of `prepare`: manifests with nonsense in cells, and folders with hostile names, links and fifos."""

import contextlib
import csv
import json
import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path

from benchmarks.attack.damage import damaged
from benchmarks.attack.process import Ending, Try
from benchmarks.attack.sounds import hostile_recording, recordings
from benchmarks.toy import Toy

COLUMNS = ("path", "split", "kind", "label", "speaker", "condition", "lang", "speech_start_s", "speech_end_s", "word_start_s")
TIMES = ("nan", "inf", "-inf", "1e400", "1e300", "-1", "1_0", "\u0661", "0x1", "soon", "", " 0.5 ", "0.5", "1e-400", "+.5", "7")
TEXTS = (
    "",
    "alexa",
    "turn on",
    "turn on,light",
    'say "no"',
    "a\nb",
    "caf\u00e9",
    "\u0440\u0430\u0434\u0438\u043e",
    "\u202e",
    "x" * 5000,
)
PATHS = (
    *("fifo.wav", "loop.wav", "folder.wav", "gone.wav", "a" * 300 + ".wav", "device.wav", "../a.wav", "/etc/passwd", "", "."),
    *("a.wav\0", "~/a.wav", "file:///a.wav", "link.wav", "b\u0301.wav", "-rf.wav", "bad.wav"),
)
SPLITS = ("dev", "", "TRAIN", "train ")
SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")
LISTS = (b"testing_list.txt", b"validation_list.txt", b"a.trans.txt", b"manifest.csv")  # of public sets; a manifest
NAMES = (
    b"a",
    b"\xff\xfe",
    b"a b",
    b"a\nb",
    b"-x",
    b"$(id)",
    b"'\"",
    b"\xf0\x9f\x98\x80",
    b"e\xcc\x81",
    b"a,b",
    b"%s",
    b"con",
    b"." * 3,
)
PREPARE = ("prepare", "--source=in", "--out=out", "--workers=1")


def manifest(rng: random.Random, folder: Path, toy: Toy) -> Try:
    """A manifest with nonsense in some cells, or other bytes. Each row is in the corpus, rejected, or ends the command."""
    return _manifest(rng, folder, ("speech", "speech", "noise", "", "music"))


def noise_rows(rng: random.Random, folder: Path, toy: Toy) -> Try:
    """A manifest of noise and impulse responses, whose files and cells are nonsense."""
    return _manifest(rng, folder, ("noise", "impulse_response", "noise", "impulse_response", "speech"))


def _manifest(rng: random.Random, folder: Path, kinds: tuple[str, ...]) -> Try:
    source = folder / "in"
    _place_files(rng, source)
    header = list(COLUMNS)
    rows = [_row(rng, number, kinds) for number in range(rng.randrange(1, 8))]
    if rng.random() < 0.1:
        header[rng.randrange(len(header))] = rng.choice(["lable", "path", "", "speaker ", "\u00fc"])
    with open(source / "manifest.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    if rng.random() < 0.15:
        path = source / "manifest.csv"
        path.write_bytes(damaged(rng, path.read_bytes()))

    def complaint(ending: Ending) -> str:
        return "; ".join(_complaints_of_manifest(folder)) if ending.status == 0 else ""

    return Try(PREPARE, complaint)


def _place_files(rng: random.Random, source: Path) -> None:
    (source / "folder.wav").mkdir(parents=True)
    for number in range(8):
        (source / f"{number}.wav").write_bytes(recordings()["PCM_16_1.wav"])
    (source / "bad.wav").write_bytes(hostile_recording(rng)[1])
    os.mkfifo(source / "fifo.wav")
    (source / "loop.wav").symlink_to("loop.wav")
    (source / "link.wav").symlink_to("0.wav")
    (source / "device.wav").symlink_to("/dev/zero")


def _row(rng: random.Random, number: int, kinds: tuple[str, ...]) -> list[str]:
    sane = [f"{number}.wav", rng.choice(["train", "test"]), rng.choice(kinds), "alexa", "bob", "clean", "en", "0.2", "0.8", ""]
    for place in rng.sample(range(len(sane)), rng.choice([0, 1, 1, 2])):
        sane[place] = rng.choice({0: PATHS, 1: SPLITS}.get(place, TIMES if place >= 7 else TEXTS))
    kind = rng.random()
    return [*sane, "surplus"] if kind < 0.05 else sane[: rng.randrange(1, 11)] if kind < 0.1 else sane


def _complaints_of_manifest(folder: Path) -> Iterator[str]:
    """Rows that are neither in the corpus nor rejected; labels and times that no row has."""
    with open(folder / "in/manifest.csv", encoding="utf-8-sig", newline="") as file:
        header, *rows = [row for row in csv.reader(file) if row]
    taken = list(_taken(folder / "out"))
    rejected = _rejected(folder / "out")
    if len(taken) + len(rejected) != len(rows):
        yield f"{len(rows)} rows: {len(taken)} taken, {len(rejected)} rejected"
    where = header.index("label") if "label" in header else None
    labels = {row[where].strip() for row in rows if len(row) == len(header)} if where is not None else set()
    labels |= {"" if len(row) <= (where or 0) else row[where or 0].strip() for row in rows if len(row) < len(header)}
    for recording in taken:
        if where is not None and recording["label"] not in labels:
            yield f"label {recording['label']!r:.60}"
        if not 0 <= recording["speech_start"] <= recording["speech_end"] <= recording["samples"]:
            yield f"speech from {recording['speech_start']} to {recording['speech_end']} of {recording['samples']}"


def _taken(out: Path) -> Iterator[dict]:
    for path in (out / "corpus/2.0.0/index").glob("*.json"):
        index = json.loads(path.read_text())
        for number, name in enumerate(index["id"]):
            columns = ("label", "speech_start", "speech_end", "samples")
            yield {"id": name} | {column: index[column][number] for column in columns}


def _rejected(out: Path) -> list[str]:
    with open(out / "corpus/2.0.0/rejected.csv", encoding="utf-8", newline="") as file:
        return [row["path"] for row in csv.DictReader(file)]


def hostile_folder(rng: random.Random, folder: Path, toy: Toy) -> Try:
    """A folder of files and folders with hostile names, links, fifos and sockets. Each recording is taken or rejected."""
    source = os.fsencode(folder / "in")
    os.mkdir(source)
    folders = [source]
    for _ in range(rng.randrange(1, 20)):
        with contextlib.suppress(OSError):  # the name is taken, or too long
            _add(rng, source, folders)
    entries = list(_entries(source))
    regular = sum(_is_recording(entry) for entry in entries)
    named_by_lists = any(entry.name in LISTS for entry in entries)  # then other files are not looked for

    def complaint(ending: Ending) -> str:
        if ending.status or named_by_lists:
            return ""
        counted = len(list(_taken(folder / "out"))) + len(_rejected(folder / "out"))
        return f"{regular} recordings, {counted} taken or rejected" if counted < regular else ""

    return Try(PREPARE, complaint)


def _add(rng: random.Random, source: bytes, folders: list[bytes]) -> None:
    name = rng.choice(NAMES) * rng.choice([1, 1, 1, 20])
    path = os.path.join(rng.choice(folders), name[:200] + rng.choice([b"", b".wav", b".WAV", b".flac", b".txt", b".csv"]))
    kind = rng.randrange(8)
    if kind < 3:
        with open(path, "xb") as file:
            file.write(recordings()["PCM_16_1.wav"] if rng.random() < 0.7 else hostile_recording(rng)[1])
    elif kind == 3:
        os.mkdir(path)
        folders.append(path)
    elif kind == 4:
        os.symlink(rng.choice([b".", b"..", b"/etc", b"/dev/zero", name, *folders]), path)
    elif kind == 5:
        os.mkfifo(path)
    elif kind == 6 and len(path) < 100:
        socket.socket(socket.AF_UNIX).bind(path)
    else:
        with open(os.path.join(os.path.dirname(path), rng.choice(LISTS)), "xb") as file:
            file.write(rng.randbytes(rng.randrange(40)) if rng.random() < 0.5 else b"a/b.wav\n")


def _entries(source: bytes) -> Iterator[os.DirEntry]:
    for entry in os.scandir(source):
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(entry.path)
        else:
            yield entry


def _is_recording(entry: os.DirEntry) -> bool:
    return entry.is_file(follow_symlinks=False) and os.fsdecode(os.path.splitext(entry.name)[1]).lower() in SUFFIXES
