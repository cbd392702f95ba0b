# The agent in a container: locked wheels, a numeric user, no shell, pip or compiler needed. See docs/container.md.
# Both stages need the same Python at the same path: a base of your own goes into both arguments.
ARG BUILD_IMAGE=python:3.13-slim-bookworm
ARG BASE_IMAGE=python:3.13-slim-bookworm

FROM ${BUILD_IMAGE} AS build
# all: with OpenStack and slurmrestd; core: with SLURM's own commands, inventories and programs
ARG LOCK=all
WORKDIR /src
RUN python3 -m venv /build && python3 -m venv --without-pip /opt/waldur-import-agent
COPY lock lock
RUN ["/build/bin/pip", "install", "--no-cache-dir", "--no-deps", "--require-hashes", "-r", "lock/build.txt"]
RUN /build/bin/pip --python /opt/waldur-import-agent/bin/python install --no-cache-dir --no-deps --require-hashes -r lock/${LOCK}.txt
COPY pyproject.toml README.md LICENSE ./
COPY agent agent
COPY share share
# mode 1777: runc before 1.2 gives a tmpfs the mode of the directory below it, and root, whatever --tmpfs says
RUN /build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /build/bin/pip --python /opt/waldur-import-agent/bin/python install --no-cache-dir --no-index --no-deps /wheels/*.whl \
    && mkdir -p /made/var/lib/waldur-import-agent /made/run/waldur-import-agent /made/run/lock/waldur-import-agent \
    && chown -R 10001:10001 /made/var/lib/waldur-import-agent /made/run/waldur-import-agent /made/run/lock/waldur-import-agent \
    && chmod 1777 /made/run/waldur-import-agent

FROM ${BASE_IMAGE}
COPY --from=build /opt/waldur-import-agent /opt/waldur-import-agent
COPY --from=build /made /
ENV PATH=/opt/waldur-import-agent/bin:/usr/local/bin:/usr/bin:/bin
# by number, so that runAsNonRoot can be checked
USER 10001:10001
# reads status.json; asks neither Waldur nor the backend
HEALTHCHECK --interval=30s --timeout=5s --start-period=5m CMD ["waldur-import-agent", "status", "--healthy"]
ENTRYPOINT ["waldur-import-agent"]
CMD ["run"]
