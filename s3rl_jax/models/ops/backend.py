"""The switch between operations that are tuned for CPUs and the libraries' own, which accelerators run.

A function takes one of the two forms when JAX traces it; one that is compiled already keeps the form that it has.
"""

import contextlib
import contextvars
from collections.abc import Iterator

import jax

_OVERRIDE: contextvars.ContextVar[bool | None] = contextvars.ContextVar("tuned_for_cpu", default=None)


def tuned_for_cpu() -> bool:
    """Whether an operation that is traced now takes the form for CPUs: on a CPU, unless `cpu_forms` says otherwise."""
    override = _OVERRIDE.get()
    return jax.default_backend() == "cpu" if override is None else override


@contextlib.contextmanager
def cpu_forms(enabled: bool = True) -> Iterator[None]:
    """Selects the forms for CPUs within a `with` statement, whatever the backend; with `enabled=False`, the other ones."""
    token = _OVERRIDE.set(enabled)
    try:
        yield
    finally:
        _OVERRIDE.reset(token)
