"""Kernels, their notebooks, keys and directories."""
