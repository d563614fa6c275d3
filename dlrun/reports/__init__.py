"""What people look at: plots, TensorBoard events, tables."""
