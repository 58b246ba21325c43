# One image for every role. Without a command it is the whole service with embedded servers (data in /data); in production each
# container gets one role's command and the URLs of real servers: docs/deployment.md.
FROM python:3.11-slim

RUN useradd --system --create-home --home-dir /data --shell /usr/sbin/nologin marketdata
WORKDIR /app

COPY requirements.txt constraints.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check -r requirements.txt

COPY . .
RUN python -m compileall -q marketdata_site providers collector ops

USER marketdata
ENV PYTHONUNBUFFERED=1 \
    MARKETDATA_HOME=/data/home \
    MARKETDATA_WEB_HOST=0.0.0.0
VOLUME /data
EXPOSE 8000
# the supervisor stops its programs within seconds of SIGTERM
STOPSIGNAL SIGTERM
# asked directly: Docker hands a proxy of the machine's on to its containers
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD \
    ["python", "-c", "import os, urllib.request as u; u.build_opener(u.ProxyHandler({})).open(f\"http://127.0.0.1:{os.environ.get('MARKETDATA_WEB_PORT') or 8000}/health\", timeout=4)"]
CMD ["python", "manage.py", "up"]
