"""The chart that an Axes shows, recognized by its artists. Kernel and jailed child."""
