"""Teachers of a run: loaded or pre-trained, with a codebook, and their targets of a whole corpus on disk."""
