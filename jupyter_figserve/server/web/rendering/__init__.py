"""HTTP of posted code: renders and signed render URLs."""
