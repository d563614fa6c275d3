"""The run folder: claim, write, read, status, index."""
