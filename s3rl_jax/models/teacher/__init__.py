"""Teachers: encoders of published models, their weights, their codebooks."""
