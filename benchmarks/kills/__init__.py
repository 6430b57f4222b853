"""Commands that are killed at random moments and go on: `python -m benchmarks.kills`."""
