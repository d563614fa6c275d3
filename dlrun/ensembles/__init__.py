"""COMBINE: members from run folders, ways to combine them, and what they come to together."""
