"""The members of an ensemble: which runs fit together, and what they have predicted."""
