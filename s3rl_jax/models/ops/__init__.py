"""Operations that have two forms: one tuned for CPUs, and that of JAX or Flax for accelerators (see `backend`)."""
