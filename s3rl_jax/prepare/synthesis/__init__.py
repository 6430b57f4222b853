"""A corpus that speech synthesisers speak."""
