"""Recordings as people have them: WAVs of every kind byte by byte, damaged ones, and those of phones and browsers."""

import struct

import numpy as np
import soxr

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")


def wave_format(code, bits=16, channels=1, rate=16_000, tail=b""):
    frame_bytes = channels * bits // 8
    return struct.pack("<HHIIHH", code, channels, rate, rate * frame_bytes % 2**32, frame_bytes, bits) + tail


def extensible(code, bits=16, channels=1, rate=16_000):
    tail = struct.pack("<HHIH", 22, bits, 4, code) + SUBFORMAT_TAIL
    return wave_format(EXTENSIBLE, bits, channels, rate, tail)


def chunk(name, data, length=None):
    return name + struct.pack("<I", len(data) if length is None else length) + data


def riff(*chunks, magic=b"RIFF"):
    body = b"WAVE" + b"".join(chunks)
    return magic + struct.pack("<I", min(len(body), 2**32 - 1)) + body


def as_float(pcm):
    return (np.frombuffer(pcm, "<i2") / np.float32(32768)).astype("<f4").tobytes()


def readable(pcm):
    """Name -> WAV that holds the 16-bit samples, and nothing else."""
    plain, half = wave_format(PCM), len(pcm) // 4 * 2
    ds64 = chunk(b"ds64", struct.pack("<QQQI", len(pcm) + 72, len(pcm), len(pcm) // 2, 0))
    return {
        "plain": riff(chunk(b"fmt ", plain), chunk(b"data", pcm)),
        "extensible_16": riff(chunk(b"fmt ", extensible(PCM)), chunk(b"data", pcm)),
        "extensible_float": riff(chunk(b"fmt ", extensible(FLOAT, 32)), chunk(b"data", as_float(pcm))),
        "float": riff(chunk(b"fmt ", wave_format(FLOAT, 32)), chunk(b"fact", bytes(4)), chunk(b"data", as_float(pcm))),
        "rf64": riff(ds64, chunk(b"fmt ", plain), chunk(b"data", pcm, 2**32 - 1), magic=b"RF64"),
        "streamed": riff(chunk(b"fmt ", plain), chunk(b"data", pcm, 2**32 - 1)),
        "length_zero": riff(chunk(b"fmt ", plain), chunk(b"data", pcm, 0)),
        "two_data_chunks": riff(chunk(b"fmt ", plain), chunk(b"data", pcm[:half]), chunk(b"data", pcm[half:])),
        "notes": riff(
            chunk(b"LIST", b"INFOISFT\x04\0\0\0abcd"),
            chunk(b"fmt ", plain),
            chunk(b"junk", b"odd", 3) + b"\0",
            chunk(b"data", pcm),
            chunk(b"LIST", b"INFOISFT\x04\0\0\0abcd"),
        ),
    }


def unreadable(pcm):
    """Name -> (file, why it is refused)."""
    plain = wave_format(PCM)
    return {
        "forty_bits": (riff(chunk(b"fmt ", wave_format(PCM, 40)), chunk(b"data", pcm)), "40 bits"),
        "chunk_past_the_end": (riff(chunk(b"LIST", b"", 2**31), chunk(b"fmt ", plain), chunk(b"data", pcm)), "ends before"),
        "format_past_the_end": (riff(chunk(b"fmt ", plain, 2**32 - 1), chunk(b"data", pcm)), "ends before|incomplete"),
        "no_format": (riff(chunk(b"data", pcm)), "no format"),
        "no_data": (riff(chunk(b"fmt ", plain)), "ends before"),
        "no_samples": (riff(chunk(b"fmt ", plain), chunk(b"data", b"")), "no samples"),
        "no_channels": (riff(chunk(b"fmt ", wave_format(PCM, 16, 0)), chunk(b"data", pcm)), "0 channels"),
        "one_hertz": (riff(chunk(b"fmt ", wave_format(PCM, rate=1)), chunk(b"data", pcm)), "1 Hz"),
        "a_codec_of_nobody": (riff(chunk(b"fmt ", wave_format(0x7777, 4)), chunk(b"data", pcm)), "codec 0x7777"),
        "not_a_number": (riff(chunk(b"fmt ", wave_format(FLOAT, 32)), chunk(b"data", b"\0\0\xc0\x7f" * 200)), "NaN"),
        "beyond_any_sense": (riff(chunk(b"fmt ", wave_format(FLOAT, 64)), chunk(b"data", struct.pack("<d", 1e18))), "up to 1e"),
        "integers_as_floats": (
            riff(chunk(b"fmt ", wave_format(FLOAT, 32)), chunk(b"data", np.frombuffer(pcm, "<i2").astype("<f4").tobytes())),
            "integers stored as floats",
        ),
        "text": (b"no audio at all, but long enough", "not a WAV"),
        "empty": (b"", "not a WAV"),
        "flac_of_2^38": (flac_header(2**36 - 1), "not readable as audio|no samples"),
    }


# Name of a file, codec, rate in Hz, channels, bits a second. Ogg Opus of 48 kbit/s is what libsndfile reads for 3 s only.
OF_PHONES_AND_BROWSERS = {
    "voice_memo.m4a": ("aac", 44_100, 1, 64_000),
    "browser.webm": ("libopus", 48_000, 1, 64_000),
    "opus_48k.ogg": ("libopus", 48_000, 1, 48_000),
    "old.wma": ("wmav2", 16_000, 1, 64_000),
    "clip.mp4": ("aac", 48_000, 2, 128_000),
    "message.amr": ("libopencore_amrnb", 8000, 1, 12_200),
}


def write_media(path, samples):
    """Encodes floats at 16 kHz as the entry of `OF_PHONES_AND_BROWSERS` with the file's name says."""
    import av

    codec, rate, channels, bits = OF_PHONES_AND_BROWSERS[path.name]
    pcm = (soxr.resample(np.asarray(samples, np.float32), 16_000, rate) * 32_000).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="stereo" if channels == 2 else "mono")
        stream.bit_rate = bits
        frame = av.AudioFrame.from_ndarray(np.repeat(pcm, channels)[None], format="s16", layout=stream.layout.name)
        frame.sample_rate = rate
        resampler = av.AudioResampler(stream.format, stream.layout, rate)
        fifo = av.AudioFifo()
        for part in resampler.resample(frame):
            fifo.write(part)
        while (part := fifo.read(stream.frame_size or 1024, partial=True)) is not None:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))


def flac_header(samples):
    """A FLAC that claims so many samples and holds none."""
    info = struct.pack(">HH", 4096, 4096) + bytes(6) + ((16_000 << 44) | (15 << 36) | samples).to_bytes(8, "big") + bytes(16)
    return b"fLaC" + b"\x80" + len(info).to_bytes(3, "big") + info
