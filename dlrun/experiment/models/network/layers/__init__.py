"""Layers by name, one file a family."""
