"""What the launch scripts would do, and that the flags arrive as they were given."""
