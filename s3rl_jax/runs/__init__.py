"""The workdir that a training run leaves, and reading it: configuration, code version, checkpoints."""
