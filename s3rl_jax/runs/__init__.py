"""What a training run leaves in its workdir, and how it is read: configuration, code version, checkpoints."""
