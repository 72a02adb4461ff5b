"""Kernels, their directories, captured plots and plots by path."""
