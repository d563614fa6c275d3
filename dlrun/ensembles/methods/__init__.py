"""Ways to combine members, one file each."""
