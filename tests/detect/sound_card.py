"""A stand-in for sounddevice: machines that run tests have no sound card."""

import types


class PortAudioError(Exception):
    pass


def fake(blocks, name=None, rate=None, channels=1, output_rate=None):
    """A sounddevice whose input gives the blocks, then is unplugged; with `rate` it gives no other one.

    `played` lists what was played, with its rate; without `output_rate` there is no output.
    """
    played = []

    class InputStream:
        def __init__(self, **settings):
            check(settings["device"], settings["channels"], settings["dtype"], settings["samplerate"])
            self.settings, self.left = settings, list(blocks)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            return False

        def read(self, samples):
            if not self.left:
                raise PortAudioError("Device unavailable [PaErrorCode -9985]")
            assert samples == self.settings["blocksize"]
            return self.left.pop(0).reshape(-1, self.settings["channels"]), False

    def check(device, channels, dtype, samplerate):
        if device not in (None, name):
            raise ValueError(f"No input device matching {device!r}")
        if rate not in (None, samplerate):
            raise PortAudioError("Invalid sample rate [PaErrorCode -9997]")

    def query_devices(device=None, kind=None):
        if kind == "output":
            if output_rate is None:
                raise PortAudioError("Error querying device -1")
            return {"default_samplerate": float(output_rate)}
        properties = {"default_samplerate": float(rate or 16_000), "max_input_channels": channels}
        return properties if kind else "  0 Kitchen, ALSA (2 in, 0 out)"

    return types.SimpleNamespace(
        InputStream=InputStream,
        PortAudioError=PortAudioError,
        query_devices=query_devices,
        check_input_settings=check,
        play=lambda samples, samplerate: played.append((samples, samplerate)),
        played=played,
    )
