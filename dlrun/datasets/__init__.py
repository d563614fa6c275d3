"""Sources of data, one file per kind; each returns a `Dataset`."""
