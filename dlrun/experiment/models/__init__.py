"""Models: what is fitted, described by settings that can build it."""
