# Python 3.11 or newer with venv and pip; python:*-slim images have them, and so does Debian 12 with
# python3, python3-venv, python3-pip and ca-certificates.
ARG BASE_IMAGE=python:3.13-slim-bookworm

FROM ${BASE_IMAGE} AS builder
# Bytecode is left for the demo below to write: for the modules that are used, not for thousands that are not.
ENV PIP_NO_CACHE_DIR=1 PIP_COMPILE=0
WORKDIR /source
# PyTorch on its own, because it is most of the image and changes least.
COPY scripts/install scripts/install
COPY constraints.txt ./
RUN scripts/install /opt/monitor
COPY . .
RUN scripts/install /opt/monitor . \
    && cd /opt/monitor/lib/python3*/site-packages \
    && rm -rf torch/include torch/test torch/bin/protoc* torch/bin/test_* torch/bin/*Test \
    && /opt/monitor/bin/python -m pip --disable-pip-version-check uninstall --yes pip
RUN /opt/monitor/bin/python -m compileall -q /opt/monitor/lib/python3*/site-packages/monitor \
    && cd / && HF_HUB_OFFLINE=1 XDG_CACHE_HOME=/opt/monitor/cache /opt/monitor/bin/monitor demo --once --port 0

FROM ${BASE_IMAGE}
# Official Python images come without the standard library's bytecode, and nothing can write it later.
RUN python3 -m compileall -q "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" >/dev/null || true; \
    useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin monitor \
    && install --directory --owner monitor --group monitor /data
COPY --from=builder /opt/monitor /opt/monitor
COPY config /config
ENV PATH=/opt/monitor/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    XDG_CACHE_HOME=/opt/monitor/cache \
    HF_HUB_OFFLINE=1 \
    MONITOR__STORAGE__URL=sqlite:////data/monitor.db \
    MONITOR__WEB__HOST=0.0.0.0 \
    MONITOR__WEB__PORT=8080
USER 10001:10001
WORKDIR /
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import http.client, os; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['MONITOR__WEB__PORT']), timeout=4); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["monitor"]
CMD ["run", "--config", "/config"]
