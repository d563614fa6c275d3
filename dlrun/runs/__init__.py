"""TRAIN ONCE: one experiment carried out, recorded, resumed, reproduced."""
