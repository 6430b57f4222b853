"""Batches of training examples from a corpus, as pure functions of seed, step and rows of the batch."""
