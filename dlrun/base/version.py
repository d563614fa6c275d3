"""The version of dlrun, by which pip, run folders and bundles call it."""

__version__ = "0.1.0"
