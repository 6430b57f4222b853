"""Operations in two forms each: one tuned for CPUs, and the libraries' own for accelerators (see `backend`)."""
