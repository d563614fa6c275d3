"""Samplers: which points are tried, one way a file."""
