# One image for both servers and the lab; docker-compose.yml says which one a container is.
FROM python:3.13-slim AS build
WORKDIR /build
RUN python -m venv /opt/build && python -m venv /opt/handoff
COPY requirements/build.txt requirements/servers.txt requirements/
RUN /opt/build/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes \
        -r requirements/build.txt \
 && /opt/handoff/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes \
        -r requirements/servers.txt
COPY pyproject.toml README.md LICENSE ./
COPY shared shared
RUN /opt/build/bin/python -m hatchling build -t wheel -d dist \
 && /opt/handoff/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps \
        dist/*.whl

FROM python:3.13-slim
# Named volumes take over the owner of the directory that they are mounted on.
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin handoff \
 && install -d -m 0700 -o handoff -g handoff /var/lib/server1 /var/lib/server2
COPY --from=build /opt/handoff /opt/handoff
WORKDIR /srv/handoff
COPY shared/flask_service flask_service
COPY server1 server1
COPY server2 server2
COPY lab lab
ENV PATH=/opt/handoff/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER handoff
