"""Optimizers and the schedules of their rate."""
