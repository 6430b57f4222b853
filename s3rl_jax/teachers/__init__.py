"""The teacher of a run: loading it, fitting a codebook, and computing its targets for a whole corpus, on disk."""
