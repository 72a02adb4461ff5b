"""Child side of the sandbox: the zygote and the jobs that its forked children run."""
