"""A prepared corpus: its files, reading them, and the meaning of its labels."""
