"""Waveforms: reading, augmentation, log-mel features, masking."""
