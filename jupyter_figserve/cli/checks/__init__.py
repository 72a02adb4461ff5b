"""What `jupyter figserve doctor` looks at: each module yields results for one kind of thing."""
