"""The switch between operations tuned for CPUs and those of JAX and Flax, which accelerators run.

The form of an operation is chosen when JAX traces it. A compiled function keeps its form.
"""

import contextlib
import contextvars
from collections.abc import Iterator

import jax

_OVERRIDE: contextvars.ContextVar[bool | None] = contextvars.ContextVar("tuned_for_cpu", default=None)


def tuned_for_cpu() -> bool:
    """Whether operations take the form for CPUs: True if the backend is a CPU, unless `cpu_forms` overrides it."""
    override = _OVERRIDE.get()
    return jax.default_backend() == "cpu" if override is None else override


@contextlib.contextmanager
def cpu_forms(enabled: bool = True) -> Iterator[None]:
    """Within a `with` statement, selects the forms for CPUs on any backend; with `enabled=False`, those for accelerators."""
    token = _OVERRIDE.set(enabled)
    try:
        yield
    finally:
        _OVERRIDE.reset(token)
