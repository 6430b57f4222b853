"""The wake-word service, with the real Wyoming client over a socket."""

import asyncio
import contextlib
import json
import re
import socket
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from tests.conftest import ROOT, run_module, tone_word

pytest.importorskip("wyoming", reason="needs the extra wyoming")

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.info import Describe, Info
from wyoming.wake import Detect, Detection, NotDetected

CHUNK = 1024


@pytest.fixture(scope="module")
def service(chain):
    """The port of a service of two models, run as a user runs it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "s3rl_jax.detect", chain["stream.tflite"], chain["model.tflite"]]
    process = subprocess.Popen([*command, f"--wyoming=tcp://127.0.0.1:{port}"], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert any("serving stream, model at" in line for line in process.stderr)
    process.port = port
    yield process
    process.terminate()
    _, errors = process.communicate(timeout=30)
    assert "Traceback" not in errors, errors


@pytest.fixture(scope="module")
def sounds():
    """Eight seconds with the keyword at 4 s, and eight of other words."""
    rng = np.random.default_rng(5)
    quiet = 0.003 * rng.standard_normal(8 * 16_000)
    with_keyword, without = quiet.copy(), quiet.copy()
    with_keyword[4 * 16_000 :][:9600] += tone_word(rng, "alexa")
    for second in (1, 5):
        without[second * 16_000 :][:9600] += tone_word(rng, "banana")
    return [(sound * 32_000).astype("<i2") for sound in (with_keyword, without)]


@contextlib.asynccontextmanager
async def connected(service):
    client = AsyncTcpClient("127.0.0.1", service.port)
    while True:
        try:
            await client.connect()
            break
        except ConnectionError:  # the line on standard error comes before the port is open
            assert service.poll() is None
            await asyncio.sleep(0.05)
    try:
        yield client
    finally:
        await client.disconnect()


async def send(client, sound, names=("stream",), rate=16_000, width=2, channels=1, timestamp=0):
    await client.write_event(Detect(names=list(names)).event())
    await client.write_event(AudioStart(rate, width, channels, timestamp).event())
    data = sound.tobytes()
    for first in range(0, len(data), CHUNK):
        await client.write_event(AudioChunk(rate, width, channels, data[first : first + CHUNK]).event())
    await client.write_event(AudioStop().event())


async def first_answer(client):
    event = await asyncio.wait_for(client.read_event(), 60)
    return Detection.from_event(event) if Detection.is_type(event.type) else NotDetected.from_event(event)


def test_it_describes_its_models(service):
    async def ask():
        async with connected(service) as client:
            await client.write_event(Describe().event())
            return Info.from_event(await asyncio.wait_for(client.read_event(), 60))

    (program,) = asyncio.run(ask()).wake
    assert [model.name for model in program.models] == ["stream", "model"]
    assert [(model.phrase, model.languages) for model in program.models] == [("alexa", ["en"])] * 2


@pytest.mark.parametrize("name", ["stream", "model"])
def test_the_keyword_is_detected_where_detect_detects_it(service, chain, sounds, tmp_path, name):
    soundfile.write(tmp_path / "a.wav", sounds[0], 16_000)
    lines = run_module("detect", chain[f"{name}.tflite"], str(tmp_path / "a.wav")).stdout.splitlines()

    async def ask(sound):
        async with connected(service) as client:
            await send(client, sound, [name], timestamp=1_000)
            return await first_answer(client)

    detection = asyncio.run(ask(sounds[0]))
    assert (detection.name, detection.timestamp) == (name, 1_000 + round(1000 * json.loads(lines[0])["time"]))


def answers_to_three_streams(service, sounds) -> list[type]:
    """Of one client: other words, the keyword, other words."""

    async def ask():
        async with connected(service) as client:
            answers = []
            for sound in (sounds[1], sounds[0], sounds[1]):
                await send(client, sound)
                answers.append(await first_answer(client))
            return answers

    return [type(answer) for answer in asyncio.run(ask())]


def test_other_words_are_not_detected_and_the_next_stream_begins_anew(service, sounds):
    assert answers_to_three_streams(service, sounds) == [NotDetected, Detection, NotDetected]


def test_stereo_at_44100_hz_in_24_bits(service, sounds):
    import soxr

    levels = soxr.resample(sounds[0] / 32768, 16_000, 44_100)
    words = (np.stack([levels, levels], 1) * 2**31).astype("<i4")
    packed = np.ascontiguousarray(words[..., None].view(np.uint8)[..., 1:])

    async def ask():
        async with connected(service) as client:
            await send(client, packed, rate=44_100, width=3, channels=2)
            return await first_answer(client)

    assert isinstance(asyncio.run(ask()), Detection)


def test_clients_at_once_do_not_hear_each_other(service, sounds):
    async def ask(sound):
        async with connected(service) as client:
            await send(client, sound)
            return await first_answer(client)

    async def ask_all():
        return await asyncio.gather(*(ask(sounds[i % 2]) for i in range(6)))

    answers = asyncio.run(ask_all())
    assert [type(answer) for answer in answers] == [Detection, NotDetected] * 3


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\n",
        b"[1]\n",
        b'{"type": "audio-chunk"}\n',
        b'{"type": "audio-chunk", "data": {"rate": 0, "width": 2, "channels": 1}, "payload_length": 2}\nab',
        b'{"type": "audio-chunk", "data": {"rate": 16000, "width": 9, "channels": 1}, "payload_length": 2}\nab',
        b'{"type": "audio-chunk", "data": {"rate": "x", "width": 2, "channels": null}, "payload_length": 2}\nab',
        b'{"type": "audio-chunk", "payload_length": 1000000000000}\nab',
        b'{"type": "audio-chunk", "payload_length": 100}\nab',
        b'{"type": "detect", "data": {"names": ["none"]}}\n',
        b'{"type": "detect", "data": {"names": 7}}\n',
        b"x" * 200_000,
    ],
    ids=lambda data: repr(data[:60]),
)
def test_a_malformed_event_ends_that_client_only(service, sounds, data):
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as bad:
        bad.sendall(data)
        bad.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            assert bad.recv(100) == b""

    async def ask():
        async with connected(service) as client:
            await send(client, sounds[0])
            return await first_answer(client)

    assert isinstance(asyncio.run(ask()), Detection)


def test_a_sudden_hang_up_ends_that_client_only(service, sounds):
    async def hang_up():
        async with connected(service) as client:
            await client.write_event(AudioStart(16_000, 2, 1).event())
            await client.write_event(AudioChunk(16_000, 2, 1, sounds[0].tobytes()).event())

    for _ in range(5):
        asyncio.run(hang_up())
    assert answers_to_three_streams(service, sounds) == [NotDetected, Detection, NotDetected]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--wyoming=tcp://127.0.0.1:1"], "expected one or several models"),
        (["{model}", "--wyoming=127.0.0.1:10400"], "expected tcp://HOST:PORT"),
        (["{model}", "--wyoming=tcp://127.0.0.1"], "expected tcp://HOST:PORT"),
        (["{model}", "--wyoming=tcp://127.0.0.1:99999"], "expected tcp://HOST:PORT"),
        (["{model}", "--wyoming=stdio://"], "expected tcp://HOST:PORT"),
        (["{model}", "{model}", "--wyoming=tcp://127.0.0.1:10400"], "two models of one name"),
        (["none.tflite", "--wyoming=tcp://127.0.0.1:10400"], "none.tflite: no such file"),
        (["{model}", "--wyoming=tcp://127.0.0.1:{port}"], "expected a free port"),
    ],
)
def test_mistakes_end_with_one_line_and_status_two(service, chain, arguments, reason):
    arguments = [argument.format(model=chain["stream.tflite"], port=service.port) for argument in arguments]
    done = run_module("detect", *arguments)
    assert done.returncode == 2
    assert reason in done.stderr.splitlines()[-1]
    assert not re.search("Traceback", done.stderr)
