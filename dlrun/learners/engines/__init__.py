"""What executes the epochs of a network; the only home of TensorFlow itself."""
