"""Teachers and students as Flax Linen modules."""
