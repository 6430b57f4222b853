"""The objectives of distillation, one in each file: its parameters, its targets and its term of the loss.

A new objective is a new file with a subclass of `Objective`, a line in `registry.py`, and its weight in configs/distill.py.
"""
