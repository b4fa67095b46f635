# syntax=docker/dockerfile:1
# holdfast and holdfastctl on Node 24, as nobody, without a shell or a package manager. From a checkout: docker build -t holdfast .
FROM node:24-bookworm-slim AS build
WORKDIR /src
COPY . .
# The migrations go with the package that runs them.
RUN npx --yes pnpm@10.34.9 install --frozen-lockfile \
 && npx --yes pnpm@10.34.9 exec tsc -b \
 && cp -r migrations packages/store/dist/migrations \
 && npx --yes pnpm@10.34.9 --filter @holdfast/cp deploy --legacy --prod /out/cp \
 && npx --yes pnpm@10.34.9 --filter @holdfast/ctl deploy --legacy --prod /out/ctl \
 && mkdir -p /out/data

FROM gcr.io/distroless/nodejs24-debian12:nonroot
COPY --from=build /out/cp /holdfast/cp
COPY --from=build /out/ctl /holdfast/ctl
COPY --from=build --chown=nonroot:nonroot /out/data /var/lib/holdfast
COPY --from=build --chown=nonroot:nonroot /out/data /bundles
USER nonroot
WORKDIR /var/lib/holdfast
ENV HOLDFAST_DATA_DIR=/var/lib/holdfast NODE_ENV=production
# 5680 diagnostics, 5681 API (loopback), 5682 API over TLS, 5685 zones (KDS), 5686 other replicas, 5653 DNS
EXPOSE 5680 5681 5682 5685 5686 5653/tcp 5653/udp
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["/nodejs/bin/node", "-e", "fetch('http://127.0.0.1:5680/healthy').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["/nodejs/bin/node", "/holdfast/cp/dist/main.js"]
