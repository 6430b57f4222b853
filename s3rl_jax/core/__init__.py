"""Parts that every command uses: errors, the command line, durable files, progress. No JAX: the device uses it too."""
