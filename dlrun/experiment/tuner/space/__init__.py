"""The space that is searched: distributions, dimensions, points."""
