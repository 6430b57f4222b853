"""The training loop and its compiled functions. The engine knows nothing of speech."""
