"""Runs as processes of their own, and what becomes of them: killed, told to stop, out of disk, without their peer."""
