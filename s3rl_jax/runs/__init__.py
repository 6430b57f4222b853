"""The workdir of a training run: configuration, code version, checkpoints."""
