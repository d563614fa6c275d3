"""The state of a study: its journal, and what follows from it."""
