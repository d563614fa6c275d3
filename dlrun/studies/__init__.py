"""SEARCH: a study, from its config to its report."""
