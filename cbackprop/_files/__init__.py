"""Files, none of which is trusted: MNIST's and saved networks'."""
