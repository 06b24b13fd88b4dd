"""The NumPy reference: the chapter's algorithm, a line of NumPy for each equation."""
