"""One numbered module per migration."""
