"""Networks: layers by name, one file per family, and the network that stacks them."""
