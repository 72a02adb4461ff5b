"""Child side of the sandbox: the zygote, and what its jailed children run."""
