"""Objectives as functions of arrays, without models, configurations or parameters."""
