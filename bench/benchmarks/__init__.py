"""What asv measures of each commit, on the package's sample of MNIST and one thread."""
