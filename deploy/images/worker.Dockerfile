# A render worker: it draws for servers whose settings have renderer = "http", and stores nothing.
#
#   docker build -t figserve-worker -f deploy/images/worker.Dockerfile .
#   docker run --rm -e FIGSERVE_WORKER_KEY="$(openssl rand -hex 32)" --read-only --tmpfs /tmp \
#              --tmpfs /data:uid=10001,mode=0700 --cap-drop ALL --security-opt no-new-privileges figserve-worker
#
# Posted code can import what is installed here. Docker's default seccomp profile forbids namespaces, so the sandbox tier is
# STRICT (Landlock and seccomp); for FULL, use a profile that allows unshare and mount.

FROM python:3.12-slim-bookworm AS build
WORKDIR /source
COPY . .
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check ".[detach]"

FROM python:3.12-slim-bookworm
# matplotlib bundles fonts for Latin, Greek and Cyrillic; these have Chinese, Japanese and Korean.
RUN apt-get update \
    && apt-get install -y --no-install-recommends fonts-noto-cjk \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin figserve \
    && install -d -o figserve -m 0700 /data
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    HOME=/data \
    JUPYTER_DATA_DIR=/data/jupyter \
    JUPYTER_RUNTIME_DIR=/data/runtime \
    PYTHONDONTWRITEBYTECODE=1
USER 10001
VOLUME /data
EXPOSE 8750
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD \
    ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8750/healthz', timeout=2)"]
ENTRYPOINT ["jupyter-figserve", "worker", "--ip", "0.0.0.0", "--port", "8750", "--slots", "2"]
