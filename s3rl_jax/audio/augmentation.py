"""Random augmentation of each example of a batch: speed, shift, room, frequency band, other speech, noise, gain, SpecAugment.

The random key of each example depends on (seed, step, example), so an example is the same on any number of devices. An
augmentation whose probability is 0 is left out of the compiled step.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, Key

from s3rl_jax.audio.channel import add_noise, amplify, band_spectrum, filtered, room_spectrum, transform_size
from s3rl_jax.audio.front_end import FRONT_ENDS, LOGMEL, FrontEnd
from s3rl_jax.audio.logmel import HOP
from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.audio.speaker import stretch_frames, warp_bands
from s3rl_jax.audio.timing import change_speed, shift


def perturb(
    rng: Key[Array, ""], audio: Float[ArrayLike, "batch samples"], length: Int[ArrayLike, "batch"], settings, anchor: int = 0
) -> tuple[Float[ArrayLike, "batch samples"], Int[ArrayLike, "batch"]]:
    """Changes speed and shifts in time. This moves words, so teacher and student must get the same result.

    Args:
      rng: key of the step.
      audio: samples in [-1, 1].
      length: valid samples of each row.
      settings: `speed_probability`, `speed` (low, high), `shift_seconds` (the largest shift, earlier or later).
      anchor: the sample that a change of speed leaves in its place; with 0, the end of a row moves.

    Returns:
      Audio of the same shape, and the valid samples of each row.
    """
    if not settings["speed_probability"] and not settings["shift_seconds"]:
        return audio, length

    def perturb_example(rng, audio, length):
        changed, speed, later = jax.random.split(rng, 3)
        size = audio.shape[0]
        if settings["speed_probability"]:
            drawn = _uniform(speed, settings["speed"])
            drawn = jnp.where(jax.random.bernoulli(changed, settings["speed_probability"]), drawn, 1.0)
            audio = change_speed(audio, drawn, anchor)
            end = anchor + (length - anchor) / drawn
            length = jnp.where(length < size, jnp.clip(jnp.ceil(end).astype(jnp.int32), 1, size), size)
        if settings["shift_seconds"]:
            most = round(settings["shift_seconds"] * SAMPLE_RATE)
            samples = jax.random.randint(later, (), -most, most + 1)
            audio, length = shift(audio, samples), jnp.clip(length + samples, 1, size)
        return audio, length

    return jax.vmap(perturb_example)(jax.random.split(rng, len(audio)), audio, length)


def augment(
    rng: Key[Array, ""],
    audio: Float[ArrayLike, "batch samples"],
    length: Int[ArrayLike, "batch"],
    noises: Float[ArrayLike, "clips noise_samples"],
    responses: Float[ArrayLike, "rooms taps"],
    settings,
    may_be_mixed: Bool[ArrayLike, "batch"] | None = None,
) -> Float[Array, "batch samples"]:
    """Applies a room and a frequency band, other speech, noise, and gain, in this order, each drawn for each example.

    Args:
      rng: key of the step.
      audio: clean speech in [-1, 1].
      length: valid samples of each row.
      noises: clips of noise, at least as long as the audio; with 0 rows, no noise is added.
      responses: impulse responses of rooms; with 0 rows, no room is applied.
      settings: `reverb_probability`; `band_probability`, `band_low_hz`, `band_high_hz`; `speech_probability`,
        `speech_snr_db`; `noise_probability`, `snr_db`; `gain_db`. All but probabilities are (low, high).
      may_be_mixed: rows that may be mixed into others as other speech, those without a keyword; None: all.
    """
    batch, samples = audio.shape
    size = transform_size(samples, responses.shape[1] if len(responses) else samples)

    def through(rng, audio):
        room, reverb, low, high, band = jax.random.split(rng, 5)
        spectrum = jnp.ones(size // 2 + 1, jnp.complex64)
        if len(responses) and settings["reverb_probability"]:
            drawn = room_spectrum(responses[jax.random.randint(room, (), 0, len(responses))], size)
            spectrum *= jnp.where(jax.random.bernoulli(reverb, settings["reverb_probability"]), drawn, 1.0)
        if settings["band_probability"]:
            drawn = band_spectrum(_uniform(low, settings["band_low_hz"]), _uniform(high, settings["band_high_hz"]), size)
            spectrum *= jnp.where(jax.random.bernoulli(band, settings["band_probability"]), drawn, 1.0)
        return filtered(audio, spectrum)

    def with_speech(rng, audio, other, mixable, length):
        snr, mixed = jax.random.split(rng)
        noisy = add_noise(audio, other, length, _uniform(snr, settings["speech_snr_db"]))
        return jnp.where(mixable & jax.random.bernoulli(mixed, settings["speech_probability"]), noisy, audio)

    def with_noise(rng, audio, length):
        clip, cut, snr, noise, gain = jax.random.split(rng, 5)
        if len(noises) and settings["noise_probability"]:
            start = jax.random.randint(cut, (), 0, noises.shape[1] - samples + 1)
            row = jax.random.randint(clip, (), 0, len(noises))
            drawn = jax.lax.dynamic_slice(noises, (row, start), (1, samples))[0]
            noisy = add_noise(audio, drawn, length, _uniform(snr, settings["snr_db"]))
            audio = jnp.where(jax.random.bernoulli(noise, settings["noise_probability"]), noisy, audio)
        return amplify(audio, _uniform(gain, settings["gain_db"]))

    filter_rng, partner_rng, speech_rng, noise_rng = (jax.random.split(key, batch) for key in jax.random.split(rng, 4))
    if (len(responses) and settings["reverb_probability"]) or settings["band_probability"]:
        audio = jax.vmap(through)(filter_rng, audio)
    if settings["speech_probability"] and batch > 1:
        step = jax.vmap(lambda key: jax.random.randint(key, (), 1, batch))(partner_rng)
        partner = (jnp.arange(batch) + step) % batch  # any other row
        mixable = jnp.ones(batch, bool) if may_be_mixed is None else may_be_mixed[partner]
        audio = jax.vmap(with_speech)(speech_rng, audio, audio[partner], mixable, length)
    return jax.vmap(with_noise)(noise_rng, audio, length)


class Speaker(NamedTuple):
    """Factors on the pitch and on the formants of each example; 1 changes nothing."""

    pitch: Float[Array, "batch"]
    formants: Float[Array, "batch"]


def draw_speakers(rng: Key[Array, ""], batch: int, settings) -> Speaker:
    """Draws a pitch and a vocal-tract length for each example, uniform in their logarithms.

    Args:
      rng: keyed by (seed, step).
      batch: number of examples.
      settings: `pitch_probability`, `pitch` (low, high), `vocal_tract_probability`, `vocal_tract` (low, high).
    """

    def factors(rng, probability, ends):
        drawn, value = jax.random.split(rng)
        low, high = jnp.log(jnp.asarray(ends))
        factor = jnp.exp(jax.random.uniform(value, (batch,), minval=low, maxval=high))
        return jnp.where(jax.random.bernoulli(drawn, probability, (batch,)), factor, 1.0)

    pitch_rng, tract_rng = jax.random.split(rng)
    return Speaker(
        factors(pitch_rng, settings["pitch_probability"], settings["pitch"]),
        factors(tract_rng, settings["vocal_tract_probability"], settings["vocal_tract"]),
    )


def pitch_waveforms(
    speaker: Speaker, audio: Float[ArrayLike, "batch samples"], settings, anchor: int
) -> Float[ArrayLike, "batch samples"]:
    """Moves the pitch. Formants and tempo move along, until `voice_features` moves them back.

    Args:
      speaker: factors of each example.
      audio: in [-1, 1].
      settings: as `draw_speakers` has them.
      anchor: sample that stays in its place.
    """
    if not settings["pitch_probability"]:
        return audio
    return jax.vmap(lambda wave, pitch: change_speed(wave, pitch, anchor))(audio, speaker.pitch)


def voice_features(
    speaker: Speaker,
    features: Float[ArrayLike, "batch frames bands"],
    settings,
    anchor: int,
    front_end: FrontEnd = FRONT_ENDS[LOGMEL],
) -> Float[ArrayLike, "batch frames bands"]:
    """Gives features of `pitch_waveforms` their tempo and their formants back, and moves the formants by `speaker.formants`."""
    if not settings["pitch_probability"] and not settings["vocal_tract_probability"]:
        return features
    place = (anchor - front_end.window / 2) / HOP  # the frame whose centre is the anchor

    def voiced(features, pitch, formants):
        if settings["pitch_probability"]:
            features, formants = stretch_frames(features, pitch, place), formants / pitch
        return warp_bands(features, formants, front_end.centres)

    return jax.vmap(voiced)(features, speaker.pitch, speaker.formants)


def spec_augment(
    rng: Key[Array, ""],
    features: Float[ArrayLike, "batch frames bands"],
    time_masks: int,
    time_width: int,
    band_masks: int,
    band_width: int,
) -> Float[Array, "batch frames bands"]:
    """SpecAugment (arXiv 1904.08779): sets stretches of frames and of bands to zero, the mean of standardised features.

    Args:
      rng: key of the step.
      features: standardised log-mel.
      time_masks: number of stretches of frames.
      time_width: frames of the longest stretch.
      band_masks: number of stretches of bands.
      band_width: bands of the widest stretch.
    """

    def stripes(rng, size, count, width):
        start_rng, width_rng = jax.random.split(rng)
        start = jax.random.randint(start_rng, (count, 1), 0, size)
        widths = jax.random.randint(width_rng, (count, 1), 0, width + 1)
        index = jnp.arange(size)
        return ((index >= start) & (index < start + widths)).any(axis=0)

    def mask_example(rng, features):
        time_rng, band_rng = jax.random.split(rng)
        frames, bands = features.shape
        masked = stripes(time_rng, frames, time_masks, time_width)[:, None]
        masked |= stripes(band_rng, bands, band_masks, band_width)[None, :]
        return jnp.where(masked, 0.0, features)

    return jax.vmap(mask_example)(jax.random.split(rng, len(features)), features)


def _uniform(rng: Key[Array, ""], ends) -> Float[Array, ""]:
    low, high = ends
    return jax.random.uniform(rng, (), minval=low, maxval=high)
