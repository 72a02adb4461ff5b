"""JupyterHub, which no other folder of the server knows. Server process."""
