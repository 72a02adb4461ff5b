# What the Hub's own jupyterhub_config.py gets at its end. JupyterHub 5.5.1 and newer, 6 included.
from jupyter_figserve.hub import configure

configure(
    c,  # noqa: F821  the Hub's configuration
    url="http://127.0.0.1:8690",  # where the service listens, for the proxy only
    data_dir="/srv/figserve",  # all figures of all users; back it up
    # user="figserve",  # the Unix user that the service runs as, where the Hub runs as root
    # max_audience="link",  # let users share with people outside the Hub, too
)
