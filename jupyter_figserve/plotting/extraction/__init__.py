"""The data of a matplotlib figure, read from its artists. Kernel and jailed child."""
