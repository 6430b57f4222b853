"""Tasks: the models and objectives that make up one training step."""
