"""Reading recordings: WAV with the standard library, other formats with soundfile where it is installed."""

import wave

import numpy as np
from jaxtyping import Float

from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER


def read_wave(path: str, sample_rate: int) -> Float[np.ndarray, "samples"]:
    """One channel in [-1, 1]; several channels are averaged.

    Raises:
      UserError: for a file that cannot be read, is empty, or has another rate.
    """
    try:
        samples, rate = _read_pcm(path)
    except (wave.Error, EOFError):
        samples, rate = _read_with_soundfile(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    if rate != sample_rate:
        raise UserError(f"{path}: {rate} Hz; expected {sample_rate} Hz (for example: sox {path} -r {sample_rate} OUT.wav)")
    if not len(samples):
        raise UserError(f"{path}: no samples; expected audio")
    if not np.isfinite(samples).all():
        raise UserError(f"{path}: samples that are NaN or infinite; expected finite ones")
    if samples.shape[1] > 1:
        LOGGER.info(f"{path}: {samples.shape[1]} channels; their mean is heard")
    return samples.mean(axis=1)


def _read_pcm(path):
    with wave.open(path, "rb") as file:
        width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
        data = file.readframes(file.getnframes())
    data = data[: len(data) // (width * channels) * width * channels]
    if width == 1:  # the one unsigned width
        samples = (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / 128
    else:
        # Little-endian integers of 2, 3 or 4 bytes, moved to the top of an int32.
        bytes_ = np.zeros((len(data) // width, 4), np.uint8)
        bytes_[:, 4 - width :] = np.frombuffer(data, np.uint8).reshape(-1, width)
        samples = bytes_.view("<i4")[:, 0].astype(np.float32) / 2**31
    return samples.reshape(-1, channels), rate


def _read_with_soundfile(path):
    try:
        import soundfile
    except ImportError:
        raise UserError(f"{path}: not a PCM WAV file; for other formats, pip install soundfile") from None
    try:
        return soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        raise UserError(f"{path}: not readable as audio: {' '.join(str(error).split())}") from error
