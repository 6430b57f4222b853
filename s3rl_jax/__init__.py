"""Self-supervised teachers distilled into keyword spotters that run on a device (arXiv 2307.02720)."""

__version__ = "0.1.0"
