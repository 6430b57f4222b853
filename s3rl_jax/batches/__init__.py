"""Batches of training examples out of a corpus, as pure functions of seed, step and host."""
