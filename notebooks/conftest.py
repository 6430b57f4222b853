"""The tests run the notebooks at the least size, on one device: each in about a minute, and nothing is learned."""

import os

import pytest

os.environ.setdefault("S3RL_JAX_NOTEBOOKS", "toy")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item):
    """Gives the notebook's process one device; that of the tests has eight."""
    flags = os.environ.get("XLA_FLAGS", "").split()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XLA_FLAGS", " ".join(flag for flag in flags if "device_count" not in flag))
        return (yield)
