"""The report of an evaluation: one self-contained page."""
