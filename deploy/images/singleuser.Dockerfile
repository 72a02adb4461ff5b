# The server of one user of a JupyterHub, with figserve as its extension: for KubeSpawner or DockerSpawner.
#
#   docker build -t figserve-singleuser -f deploy/images/singleuser.Dockerfile .
#
# It starts as Jupyter's image does, whose health check it keeps. Any image with a Jupyter server will do: the last line is
# all that figserve needs.

FROM quay.io/jupyter/scipy-notebook:python-3.12
COPY --chown=1000:100 . /tmp/figserve
RUN pip install --no-cache-dir --disable-pip-version-check "/tmp/figserve[hub,detach]" \
    && rm -rf /tmp/figserve
USER 1000
