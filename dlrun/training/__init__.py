"""Fitting: learners, optimizers, schedules, losses, engines, early stopping, checkpoints."""
