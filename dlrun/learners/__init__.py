"""Learners: what can be fitted and can predict."""
