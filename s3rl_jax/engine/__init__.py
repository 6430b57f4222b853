"""The training loop and what it compiles; it knows nothing of speech."""
