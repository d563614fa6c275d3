"""dlrun: one YAML file, one honest deep-learning experiment."""

__version__ = "0.1.0"
