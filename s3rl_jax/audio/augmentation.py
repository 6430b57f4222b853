"""What a room and a device do to speech, as pure functions of one waveform, to be vmapped inside the step."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key


def power(audio: Float[Array, "samples"], length: Int[Array, ""]) -> Float[Array, ""]:
    """Mean square of the first `length` samples."""
    inside = jnp.arange(audio.shape[0]) < length
    return jnp.sum(jnp.square(audio) * inside) / jnp.maximum(length, 1)


def add_noise(
    audio: Float[Array, "samples"], noise: Float[Array, "samples"], length: Int[Array, ""], snr_db: Float[Array, ""]
) -> Float[Array, "samples"]:
    """Adds `noise`, scaled so that the signal's first `length` samples stand `snr_db` above it."""
    scale = jnp.sqrt(power(audio, length) / jnp.maximum(power(noise, length), 1e-12) * 10 ** (-snr_db / 10))
    return audio + scale * noise


def reverberate(audio: Float[Array, "samples"], response: Float[Array, "taps"]) -> Float[Array, "samples"]:
    """Convolves with an impulse response whose direct sound is at tap 0; keeps the length and the power."""
    size = 1 << (audio.shape[0] + response.shape[0] - 2).bit_length()
    wet = jnp.fft.irfft(jnp.fft.rfft(audio, size) * jnp.fft.rfft(response, size), size)[: audio.shape[0]]
    loudness = jnp.sum(jnp.square(audio)) / jnp.maximum(jnp.sum(jnp.square(wet)), 1e-12)
    return wet * jnp.sqrt(loudness)


def amplify(audio: Float[Array, "samples"], gain_db: Float[Array, ""]) -> Float[Array, "samples"]:
    return audio * 10 ** (gain_db / 20)


def augment(
    rng: Key[Array, ""],
    audio: Float[Array, "batch samples"],
    length: Int[Array, "batch"],
    noises: Float[Array, "clips noise_samples"],
    responses: Float[Array, "rooms taps"],
    settings: dict,
) -> Float[Array, "batch samples"]:
    """Reverberation, then noise, then gain, each drawn anew for each example.

    Args:
      rng: keyed by (seed, step).
      audio: clean speech in [-1, 1].
      length: valid samples of each row.
      noises: clips at least as long as the audio; none (0 rows) leaves noise out.
      responses: impulse responses; none leaves reverberation out.
      settings: `noise_probability`, `snr_db` (low, high), `reverb_probability`, `gain_db` (low, high).
    """

    def one(rng, audio, length):
        room, reverb, clip, cut, snr, noise, gain = jax.random.split(rng, 7)
        if len(responses):
            wet = reverberate(audio, responses[jax.random.randint(room, (), 0, len(responses))])
            audio = jnp.where(jax.random.bernoulli(reverb, settings["reverb_probability"]), wet, audio)
        if len(noises):
            start = jax.random.randint(cut, (), 0, noises.shape[1] - audio.shape[0] + 1)
            row = jax.random.randint(clip, (), 0, len(noises))
            drawn = jax.lax.dynamic_slice(noises, (row, start), (1, audio.shape[0]))[0]
            low, high = settings["snr_db"]
            noisy = add_noise(audio, drawn, length, jax.random.uniform(snr, (), minval=low, maxval=high))
            audio = jnp.where(jax.random.bernoulli(noise, settings["noise_probability"]), noisy, audio)
        low, high = settings["gain_db"]
        return amplify(audio, jax.random.uniform(gain, (), minval=low, maxval=high))

    return jax.vmap(one)(jax.random.split(rng, len(audio)), audio, length)


def spec_augment(
    rng: Key[Array, ""],
    features: Float[Array, "batch frames bands"],
    time_masks: int,
    time_width: int,
    band_masks: int,
    band_width: int,
) -> Float[Array, "batch frames bands"]:
    """SpecAugment (Park et al. 2019): stretches of frames and of bands, up to the widths given, set to zero.

    Zero is the mean of standardised features.
    """

    def stripes(rng, size, count, width):
        start_rng, width_rng = jax.random.split(rng)
        start = jax.random.randint(start_rng, (count, 1), 0, size)
        widths = jax.random.randint(width_rng, (count, 1), 0, width + 1)
        place = jnp.arange(size)
        return ((place >= start) & (place < start + widths)).any(axis=0)

    def one(rng, features):
        time_rng, band_rng = jax.random.split(rng)
        frames, bands = features.shape
        hidden = stripes(time_rng, frames, time_masks, time_width)[:, None]
        hidden |= stripes(band_rng, bands, band_masks, band_width)[None, :]
        return jnp.where(hidden, 0.0, features)

    return jax.vmap(one)(jax.random.split(rng, len(features)), features)
