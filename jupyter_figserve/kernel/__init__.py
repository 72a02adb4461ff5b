"""The notebook side: runs in the user's kernel, speaks HTTP to the server, imports nothing heavy until it is used."""
