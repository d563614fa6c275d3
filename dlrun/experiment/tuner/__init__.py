"""The search over settings: the space, and the kinds of search."""
