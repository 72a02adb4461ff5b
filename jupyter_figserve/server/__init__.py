"""The HTTP side, on the Jupyter server's event loop; never imports matplotlib. Start reading at app.py."""
