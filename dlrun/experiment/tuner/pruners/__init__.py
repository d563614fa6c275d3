"""Pruners: which trials are stopped early, one rule a file."""
