"""Directories of an nginx that an ordinary user runs: the usual ones belong to root."""

TEMPORARY_PATHS = """\
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
"""
