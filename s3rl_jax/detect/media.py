"""Reading of formats that libsndfile does not support, such as m4a, webm, amr and wma, by PyAV, which contains FFmpeg."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float32

from s3rl_jax.core.errors import one_line
from s3rl_jax.detect.samples import RATES


class UnreadableMedia(Exception):
    """PyAV cannot read a file, or is not installed; the message says which."""


def open_media(path: str) -> tuple[int, int, Iterator[Float32[np.ndarray, "frames channels"]]]:
    """Opens the first audio stream of a file.

    Returns:
      Rate in Hz, number of channels, and the sound in order, block by block.

    Raises:
      UnreadableMedia: if the file has no audio that can be decoded, or PyAV is not installed. Iterating over the blocks raises
        it too.
    """
    try:
        import av
    except ImportError:
        raise UnreadableMedia("m4a, webm and the like need the extra: pip install 's3rl_jax[media]'") from None
    try:
        container = av.open(path)
    except (av.FFmpegError, OSError) as error:
        raise UnreadableMedia(one_line(error)) from error
    if not container.streams.audio:
        container.close()
        raise UnreadableMedia("no audio in it")
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        container.close()
        raise UnreadableMedia("a codec that FFmpeg does not know")
    rate, channels = stream.rate, stream.layout.nb_channels
    if not (rate and RATES[0] <= rate <= RATES[1] and channels):
        container.close()
        raise UnreadableMedia(f"{rate} Hz, {channels} channels; expected {RATES[0]} to {RATES[1]} Hz")
    return rate, channels, _blocks(container, stream)


def _blocks(container: Any, stream: Any) -> Iterator[Float32[np.ndarray, "frames channels"]]:
    import av

    resampler = av.AudioResampler(format="fltp", layout=stream.layout, rate=stream.rate)  # changes the sample format alone
    with container:
        try:
            for frame in container.decode(stream):
                for part in resampler.resample(frame):
                    yield np.ascontiguousarray(part.to_ndarray().T, np.float32)
            for part in resampler.resample(None):
                yield np.ascontiguousarray(part.to_ndarray().T, np.float32)
        except (av.FFmpegError, OSError, ValueError, MemoryError) as error:
            raise UnreadableMedia(one_line(error)) from error
