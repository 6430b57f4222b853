"""A wake-word service by the Wyoming protocol, for Home Assistant: clients send audio over TCP, and get detections."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlparse

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Event
from wyoming.info import Attribution, Describe, Info, WakeModel, WakeProgram
from wyoming.server import AsyncEventHandler, AsyncServer
from wyoming.wake import Detect, Detection, NotDetected

from s3rl_jax import __version__
from s3rl_jax.core.errors import UserError, one_line
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.detect.description import read_model
from s3rl_jax.detect.detector import Detector
from s3rl_jax.detect.samples import ENCODINGS, decode

ENCODING_OF_WIDTH = {1: "u8", 2: "s16le", 3: "s24le", 4: "s32le"}
LONGEST_EVENT = 1 << 22  # bytes; half a minute of stereo at 48 kHz
ATTRIBUTION = Attribution(name="s3rl_jax", url="")


def serve(uri: str, models: Sequence[str], operating_point: str | None = None) -> None:
    """Serves until it is stopped.

    Args:
      uri: tcp://HOST:PORT or unix://PATH.
      models: files that s3rl_jax.export wrote.
      operating_point: as in `Detector`.

    Raises:
      UserError: for an invalid or taken address, a file that is no model, or two models with the same file name.
    """
    try:
        if urlparse(uri).scheme not in ("tcp", "unix"):
            raise ValueError("no such protocol")
        server = AsyncServer.from_uri(uri)
    except ValueError as error:
        raise UserError(f"--wyoming={uri}: {error}; expected tcp://HOST:PORT, such as tcp://127.0.0.1:10400") from error
    names = {Path(model).stem: model for model in models}
    if len(names) < len(models):
        raise UserError("--wyoming: two models of one name; expected different file names")
    for model in models:
        Detector(model, operating_point)  # raises UserError for a bad model before the first client connects
    info = Info(wake=[_program(names)]).event()

    def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> AsyncEventHandler:
        return WakeWordClient(_BoundedReader(reader), writer, names, operating_point, info)

    LOGGER.info(f"serving {', '.join(names)} at {uri}; Ctrl-C ends")
    try:
        asyncio.run(server.run(handler))
    except OSError as error:
        raise UserError(f"--wyoming={uri}: {error.strerror or error}; expected a free port") from error


def _program(names: dict[str, str]) -> WakeProgram:
    models = []
    for name, path in names.items():
        _, fields, description = read_model(path)
        phrase = ", ".join(description.labels[1:])
        models.append(
            WakeModel(
                name=name,
                attribution=ATTRIBUTION,
                installed=True,
                description=phrase,
                version=fields.get("version"),
                languages=fields.get("languages", []),
                phrase=phrase,
            )
        )
    return WakeProgram(
        name="s3rl_jax",
        attribution=ATTRIBUTION,
        installed=True,
        description="Keyword spotters of s3rl_jax",
        version=__version__,
        models=models,
    )


class AudioKind(NamedTuple):
    """The format of a client's audio: rate in Hz, bytes of a sample, number of channels."""

    rate: int
    width: int
    channels: int


class WakeWordClient(AsyncEventHandler):
    """The connection of one client: the models that it chose, each with its own state.

    Args:
      reader: reads from the client.
      writer: writes to the client.
      names: path of each model, by its name.
      operating_point: as in `Detector`.
      info: the reply to a `describe` event.
    """

    def __init__(self, reader, writer, names: dict[str, str], operating_point: str | None, info: Event):
        super().__init__(reader, writer)
        self._paths, self._operating_point, self._info = names, operating_point, info
        self._chosen = list(names)
        self._detectors: dict[str, Detector] = {}
        self._kind: AudioKind | None = None
        self._begin_ms, self._detected, self._partial_frame = 0, False, b""

    async def run(self) -> None:
        """Handles events until the client disconnects. A malformed event disconnects this client, and no other."""
        try:
            await super().run()
        except (ConnectionError, EOFError):  # the client disconnected in the middle of an event
            pass
        except Exception as error:  # a malformed event may raise anything
            LOGGER.warning(f"a client is disconnected: {type(error).__name__}: {one_line(error)[:200]}")

    async def handle_event(self, event: Event) -> bool:
        """Handles one event; events that do not concern wake words are ignored."""
        if Describe.is_type(event.type):
            await self.write_event(self._info)
        elif Detect.is_type(event.type):
            self._choose(Detect.from_event(event).names)
        elif AudioStart.is_type(event.type):
            start = AudioStart.from_event(event)
            self._begin(AudioKind(start.rate, start.width, start.channels), start.timestamp)
        elif AudioChunk.is_type(event.type):
            await self._process(AudioChunk.from_event(event))
        elif AudioStop.is_type(event.type) and self._kind:
            await self._end()
        return True

    def _choose(self, names: list[str] | None) -> None:
        unknown = sorted(set(names or ()) - set(self._paths))
        if unknown:
            raise ValueError(f"no model {', '.join(map(str, unknown))}; there are {', '.join(self._paths)}")
        self._chosen, self._kind = list(names or self._paths), None

    def _begin(self, kind: AudioKind, timestamp: int | None) -> None:
        if kind.width not in ENCODING_OF_WIDTH or kind.channels < 1:
            raise ValueError(f"audio of {kind.width} bytes a sample, {kind.channels} channels")
        self._kind, self._begin_ms, self._detected = kind, timestamp or 0, False
        self._partial_frame = b""
        for name in self._chosen:
            if name not in self._detectors:
                self._detectors[name] = Detector(self._paths[name], self._operating_point)
            self._detectors[name].reset(kind.rate)

    async def _process(self, chunk: AudioChunk) -> None:
        kind = AudioKind(chunk.rate, chunk.width, chunk.channels)
        if kind != self._kind:  # some clients send no audio-start
            self._begin(kind, chunk.timestamp)
        audio, frame = self._partial_frame + chunk.audio, kind.width * kind.channels
        whole = len(audio) // frame * frame
        self._partial_frame = audio[whole:]
        samples = decode(audio[:whole], ENCODINGS[ENCODING_OF_WIDTH[kind.width]], kind.channels)
        for name in self._chosen:
            await self._report(name, await asyncio.to_thread(self._detectors[name].process, samples))

    async def _end(self) -> None:
        for name in self._chosen:
            await self._report(name, await asyncio.to_thread(self._detectors[name].flush))
        if not self._detected:
            await self.write_event(NotDetected().event())
        self._kind = None

    async def _report(self, name: str, detections: list) -> None:
        for detection in detections:
            self._detected = True
            milliseconds = self._begin_ms + round(1000 * detection.seconds)
            await self.write_event(Detection(name=name, timestamp=milliseconds).event())


class _BoundedReader:
    """A stream reader that refuses events longer than `LONGEST_EVENT`, before they fill the memory."""

    def __init__(self, reader: asyncio.StreamReader):
        self._reader = reader

    async def readline(self) -> bytes:
        return await self._reader.readline()

    async def readexactly(self, length: int) -> bytes:
        if length > LONGEST_EVENT:
            raise OverflowError(f"an event of {length} bytes; expected at most {LONGEST_EVENT}")
        return await self._reader.readexactly(length)

    def feed_eof(self) -> None:
        self._reader.feed_eof()
