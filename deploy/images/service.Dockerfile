# A server of figures without kernels, for several users and programs: `jupyter figserve serve`, with PostgreSQL and a bucket.
#
#   docker build -t figserve-service -f deploy/images/service.Dockerfile .
#
# deploy/cluster/compose.yaml and deploy/helm start it with its settings. As a JupyterHub's service, it reads the Hub's
# environment; its health is then below the service's own path.

FROM python:3.12-slim-bookworm AS build
WORKDIR /source
COPY . .
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check ".[hub,objectstore,postgres,redis]"

FROM python:3.12-slim-bookworm
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin figserve \
    && install -d -o figserve -m 0700 /data
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    HOME=/data \
    JUPYTER_DATA_DIR=/data/jupyter \
    JUPYTER_RUNTIME_DIR=/data/runtime \
    PYTHONDONTWRITEBYTECODE=1
USER 10001
VOLUME /data
EXPOSE 8765
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD \
    ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8765/figserve/api/health/ready', timeout=2)"]
ENTRYPOINT ["jupyter-figserve", "serve", "--ip", "0.0.0.0", "--port", "8765", "--data-dir", "/data/figserve", "--FigServe.log_format=json", "--FigServeHost.drain_seconds=10"]
