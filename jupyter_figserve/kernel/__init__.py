"""The notebook side, in the user's kernel: talks HTTP to the server, and imports heavy libraries only when used."""
