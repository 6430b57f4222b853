"""What a corpus is prepared from: a folder, a manifest, a public data set."""
