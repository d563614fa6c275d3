"""The kinds of datasets, one a file."""
