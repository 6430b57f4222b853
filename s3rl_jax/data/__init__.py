"""Corpora on disk, and batches out of them."""
