"""Speech Commands (arXiv 1804.03209): accuracy on the standard test set with few real or only synthesised recordings."""
