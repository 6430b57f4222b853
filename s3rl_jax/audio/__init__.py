"""Waveforms: reading, log-mel features, augmentation, masking, and detections out of posteriors."""
