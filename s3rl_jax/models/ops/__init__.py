"""Operations whose fastest form differs between CPUs and accelerators."""
