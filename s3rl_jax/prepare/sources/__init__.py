"""Sources of a corpus: a folder, a manifest, a public data set."""
