"""Reads MNIST and saved networks from files that are not trusted."""
