"""Reading the files that data lie in, without trusting them."""
