"""Objectives over arrays: they know no model, no configuration and no parameters."""
