"""What a detector is worth, measured on one long stream, as a device would hear it."""
