"""Which models and objectives make up one training step."""
