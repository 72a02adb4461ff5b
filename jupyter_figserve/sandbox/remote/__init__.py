"""Rendering in other processes: workers over HTTP or of a Dask cluster; the server's side and the workers'."""
