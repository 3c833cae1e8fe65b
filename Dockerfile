# `docker build -t dicomcast .` The same sources and lock as everywhere; what only tests and builds need stays behind.
FROM node:24-slim AS build
WORKDIR /app
COPY . .
RUN npm ci --no-audit --no-fund && npm run build

FROM node:24-slim
WORKDIR /app
ENV NODE_ENV=production
COPY --from=build /app/package.json /app/package-lock.json /app/host.json ./
RUN npm ci --omit=dev --omit=peer --workspaces=false --no-audit --no-fund && npm cache clean --force
COPY --from=build /app/dist dist
# node, by number: Kubernetes wants to see that it is not root.
USER 1000:1000
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/live').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/cli/dicomcast.js"]
CMD ["serve", "--host", "0.0.0.0"]
